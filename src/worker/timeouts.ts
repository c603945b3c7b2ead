/** How long the server waits for a worker before it acts. No setting: only tests put other numbers in. */
export interface Timeouts {
  /** A cancelled attempt that has not let go by then is killed with its worker. */
  cancelGraceMs: number;
  /** How often a running attempt is looked at. */
  lookEveryMs: number;
  /** Without a heartbeat for so long, a worker is suspected; the log says so. */
  suspectMs: number;
  /** Without a heartbeat for so long, a worker hangs: in C, with the GIL held, or it is stopped. */
  silentMs: number;
  /** The same while a model is loaded: reading many gigabytes may hold the GIL all the while. */
  loadingSilentMs: number;
  /** Between asking a hanging worker where it is and killing it. */
  dumpMs: number;
  /** Without a chunk and without CPU time for so long, a worker hangs with the GIL free. */
  stalledMs: number;
  /** No attempt is overdue before this time, however short it should be. */
  deadlineMs: number;
  /** How long a task waits after its first hang; doubled with each further one. */
  retryDelayMs: number;
  /** How long a worker that died again and again is left alone before it is tried once more. */
  quarantineMs: number;
}

/** Heartbeats come every 2 s (`python_worker/heartbeat.py`): five in a row are missed before anybody is suspected. */
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
