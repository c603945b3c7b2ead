import { randomFillSync } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import type { Log } from '../log.ts';

/** A file that takes room, to be let go where there is none: without any, SQLite cannot even write that something is deleted. */
export interface Ballast {
  /** Lets it go, at once. @returns false: there was none */
  release(): boolean;
  /** Takes its room again if it was let go and there is room enough; else it is tried again by itself. Never throws. */
  renew(): Promise<void>;
  /** Nothing is tried any more, once this is over. */
  stop(): Promise<void>;
}

/** Many times what marking, expiring and erasing a page of tasks writes. */
const BALLAST_BYTES = 8_000_000;
const PIECE_BYTES = 1_000_000;
const RENEW_AGAIN_MS = 2_000;

/**
 * Builds it; there is none before the first `renew`.
 *
 * @param parts.file where it lies: on the disk of the database
 * @param parts.bytes how much it takes; only tests have it otherwise
 */
export function createBallast(parts: {
  file: string;
  freeBytes: () => Promise<number>;
  log: Pick<Log, 'info' | 'warn'>;
  bytes?: number;
}): Ballast {
  const { file, log, bytes = BALLAST_BYTES } = parts;
  let isThere = true;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let renewing = Promise.resolve();

  const fill = async (): Promise<void> => {
    const handle = await open(file, 'w', 0o600);
    try {
      // What cannot be compressed: some file systems keep nothing of zeros.
      const piece = randomFillSync(Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes)));
      for (let written = 0; written < bytes; written += piece.length) {
        if (isStopped) return;
        await handle.writeFile(piece.subarray(0, bytes - written));
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  };

  const renewNow = async (): Promise<void> => {
    try {
      isThere = (await stat(file).catch(() => undefined))?.size === bytes;
      // As much again stays for what is being written now.
      if (!isThere && (await parts.freeBytes()) > 2 * bytes) {
        await fill();
        isThere = true;
      }
    } catch (error) {
      await rm(file, { force: true }).catch(() => undefined);
      log.warn({ err: error }, 'room for deletions could not be set aside');
    }
    if (!isThere) tryAgain();
  };

  const renew = (): Promise<void> => {
    clearTimeout(timer);
    if (isStopped) return renewing;
    // One after the other: both would write the same file.
    renewing = renewing.then(renewNow);
    return renewing;
  };

  const tryAgain = () => {
    clearTimeout(timer);
    if (!isStopped) timer = setTimeout(() => void renew(), RENEW_AGAIN_MS).unref();
  };

  return {
    release() {
      if (!isThere) return false;
      isThere = false;
      try {
        rmSync(file);
      } catch {
        return false;
      }
      log.info('the disk is full: the room that was set aside for deletions is given to one');
      tryAgain();
      return true;
    },
    renew,
    stop() {
      isStopped = true;
      clearTimeout(timer);
      return renewing;
    },
  };
}
