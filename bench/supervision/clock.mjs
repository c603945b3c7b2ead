/** Milliseconds by the machine's clock that never jumps: the one of Python's `time.monotonic`, and of the stand-in's diary. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;
