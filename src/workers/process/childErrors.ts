import type { FailureKind } from '../../contract/protocol.ts';
import type { Hang } from '../health/watchdog.ts';

/** A child refused a request. `message` may be shown to clients; `traceback` is for the log. */
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

/** A child ended during a request: it crashed, was killed, or did not answer in time. */
export class ChildDied extends Error {
  override readonly name = 'ChildDied';
  readonly exit: ChildExit;
  /** Whether it was killed for not answering in time. */
  readonly tookTooLong: boolean;

  constructor(exit: ChildExit, cause?: unknown, { tookTooLong = false } = {}) {
    const how = exit.signal ?? `exit code ${String(exit.exitCode)}`;
    super(`a Python child ended (${how})`, { cause });
    this.exit = exit;
    this.tookTooLong = tookTooLong;
  }
}

/** No media child was available to examine a file: all are busy, or none can run on this machine. */
export class MediaBusy extends Error {
  override readonly name = 'MediaBusy';

  constructor(cause: unknown) {
    super('no media child could look into a file in time', { cause });
  }
}

/** The kernel killed the worker during its attempt because the host ran out of memory. */
export class KilledForMemory extends Error {
  override readonly name = 'KilledForMemory';

  constructor(cause: ChildDied) {
    super("a worker was killed: the host's memory was full", { cause });
  }
}

/** A worker was killed because its attempt hung. */
export class WorkerHung extends Error {
  override readonly name = 'WorkerHung';
  readonly hang: Hang;

  constructor(hang: Hang, cause: unknown) {
    super(`a worker was killed: its attempt was ${hang}`, { cause });
    this.hang = hang;
  }
}

/** A media child was killed because it hung while staging a file for an attempt. */
export class StagingHung extends WorkerHung {}
