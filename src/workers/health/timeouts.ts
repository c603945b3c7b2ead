/** Timeouts for workers. Not configurable; overridden only in tests. */
export interface Timeouts {
  /** The worker of a cancelled attempt is killed if the attempt has not stopped after this time. */
  cancelGraceMs: number;
  /** Interval between checks of a running attempt. */
  lookEveryMs: number;
  /** Without a heartbeat for this long, a worker is suspect; this is logged. */
  suspectMs: number;
  /** Without a heartbeat for this long, a worker hangs in C code holding the GIL, or is suspended. */
  silentMs: number;
  /** The same while a model is loading: reading many gigabytes may hold the GIL throughout. */
  loadingSilentMs: number;
  /** Delay between asking a hanging worker for a stack dump and killing it. */
  dumpMs: number;
  /** Without a finished chunk and CPU time for this long, a worker hangs with the GIL free. */
  stalledMs: number;
  /** Minimum deadline: no attempt is overdue before this time, however short its expected duration. */
  deadlineMs: number;
  /** Retry delay after a task's first hang; doubled with each further one. */
  retryDelayMs: number;
  /** How long a worker that died repeatedly is left alone before it is tried again. */
  quarantineMs: number;
}

/** Heartbeats come every 2 s (`python_worker/process/heartbeat.py`): five are missed before a worker is suspect. */
export const TIMEOUTS: Timeouts = {
  cancelGraceMs: 10_000,
  lookEveryMs: 1_000,
  suspectMs: 10_000,
  silentMs: 30_000,
  loadingSilentMs: 600_000,
  dumpMs: 1_000,
  stalledMs: 120_000,
  deadlineMs: 600_000,
  retryDelayMs: 5_000,
  quarantineMs: 300_000,
};
