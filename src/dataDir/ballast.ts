import { randomFillSync } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import type { Log } from '../log/log.ts';

/** A file that reserves disk space, freed when the disk is full: SQLite needs space even to delete rows. */
export interface Ballast {
  /** Frees the space synchronously. @returns false when nothing was reserved or the file could not be removed */
  release(): boolean;
  /** Reserves the space again if there is enough; otherwise retries on a timer. Never throws. */
  renew(): Promise<void>;
  /** Stops retrying. Resolves when a running renewal has ended. */
  stop(): Promise<void>;
}

/** Reserved size: many times what marking, expiring and erasing a page of tasks writes. */
const BALLAST_BYTES = 8_000_000;
const PIECE_BYTES = 1_000_000;
const RENEW_AGAIN_MS = 2_000;

/**
 * Creates the ballast; nothing is reserved before the first `renew`.
 *
 * @param parts.file path of the ballast file, on the same disk as the database
 * @param parts.bytes size to reserve; overridden only in tests
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
      // Random data: some file systems compress zeros away.
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
      // Leave the same amount free for current writes.
      if (!isThere && (await parts.freeBytes()) > 2 * bytes) {
        await fill();
        isThere = true;
      }
    } catch (error) {
      await rm(file, { force: true }).catch(() => undefined);
      log.warn({ err: error }, 'the disk reserve for deletions could not be allocated');
    }
    if (!isThere) tryAgain();
  };

  const renew = (): Promise<void> => {
    clearTimeout(timer);
    if (isStopped) return renewing;
    // Serialised: concurrent renewals would write the same file.
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
      log.info('the disk is full: releasing the reserve kept for deletions');
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
