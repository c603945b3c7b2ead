import { AppError } from '../../errors.ts';
import { ChildFailure, MediaBusy } from '../process/childErrors.ts';
import type { MediaPool } from './mediaPool.ts';

/**
 * Probes a stored upload with a media child and converts the result and errors to domain terms.
 *
 * @param owner owner of the upload; owners take turns for media children
 * @throws {AppError} UNSUPPORTED_FORMAT or INVALID_AUDIO with the child's message; SERVER_BUSY
 */
export async function probeMixture(media: Pick<MediaPool, 'probe'>, path: string, owner: string) {
  try {
    const found = await media.probe(path, owner);
    return {
      container: found.container,
      codec: found.codec,
      durationSeconds: found.duration_seconds,
      sampleRate: found.sample_rate,
      channels: found.channels,
      stagingReason: found.staging_reason,
      waitedMs: found.waitedMs,
    };
  } catch (error) {
    if (error instanceof MediaBusy) {
      const message = 'The server is too busy to inspect the file now. Try again in a moment.';
      throw new AppError('SERVER_BUSY', message, { cause: error, hints: { retryAfterSeconds: 10 } });
    }
    if (!(error instanceof ChildFailure)) throw error;
    if (error.kind !== 'UNSUPPORTED_FORMAT' && error.kind !== 'INVALID_AUDIO') throw error;
    throw new AppError(error.kind, error.message, { cause: error });
  }
}
