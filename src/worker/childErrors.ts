import type { FailureKind } from './protocol.ts';
import type { Hang } from './watchdog.ts';

/** A child refused a request; `message` is fit for a client, the traceback is for the log. */
export class ChildFailure extends Error {
  override readonly name = 'ChildFailure';
  readonly kind: FailureKind;
  readonly traceback: string | null;

  constructor(kind: FailureKind, message: string, traceback: string | null) {
    super(message);
    this.kind = kind;
    this.traceback = traceback;
  }
}

/** How a child ended. */
export interface ChildExit {
  exitCode: number | null;
  signal: string | null;
}

/** A child went away while a request was open: it crashed, was killed, or did not answer in time. */
export class ChildDied extends Error {
  override readonly name = 'ChildDied';
  readonly exit: ChildExit;
  /** It was killed for not answering in time. */
  readonly tookTooLong: boolean;

  constructor(exit: ChildExit, cause?: unknown, { tookTooLong = false } = {}) {
    const how = exit.signal ?? `exit code ${String(exit.exitCode)}`;
    super(`a Python child ended (${how})`, { cause });
    this.exit = exit;
    this.tookTooLong = tookTooLong;
  }
}

/** No media child came to look into a file: there is too much to do, or the machine lets none work. */
export class MediaBusy extends Error {
  override readonly name = 'MediaBusy';

  constructor(cause: unknown) {
    super('no media child could look into a file in time', { cause });
  }
}

/** The host's memory was full, and the kernel killed the worker in the middle of its attempt. */
export class KilledForMemory extends Error {
  override readonly name = 'KilledForMemory';

  constructor(cause: ChildDied) {
    super("a worker was killed: the host's memory was full", { cause });
  }
}

/** A worker was killed because the attempt in it hung. */
export class WorkerHung extends Error {
  override readonly name = 'WorkerHung';
  readonly hang: Hang;

  constructor(hang: Hang, cause: unknown) {
    super(`a worker was killed: its attempt was ${hang}`, { cause });
    this.hang = hang;
  }
}

/** A media child was killed because it hung over the file that it staged for an attempt. */
export class StagingHung extends WorkerHung {}
