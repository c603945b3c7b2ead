import type { Chunking } from '../models/modelYaml.ts';

/** Up to here a mixture goes through MSST as a whole: the memory for that is there in every case. */
export const WHOLE_SECONDS = 300;
const PIECE_SECONDS = 240;
/** Two pieces make so many samples both, and they are compared (`python_worker/engine/segment_plan.py`). */
const CHECKED_SAMPLES = 4096;
/** The last piece takes in what would be too short for one of its own. */
export const LONGEST_PIECE = 1.25;

/**
 * How long the pieces are, in seconds, that a mixture is cut into because MSST would hold all of it.
 *
 * @param chunking null: unknown, and nothing is cut
 * @param sampleRate of the model, in Hz
 * @returns null: it goes through MSST as a whole
 */
export function choosePieceSeconds(
  chunking: Chunking | null,
  sampleRate: number,
  durationSeconds: number,
): number | null {
  if (chunking === null || durationSeconds <= WHOLE_SECONDS) return null;
  const { chunkSamples, numOverlap, batchSize } = chunking;
  const batchStep = Math.floor(chunkSamples / numOverlap) * batchSize;
  // A shorter piece would be all context: of each, what the chunks beyond it have a part in is not kept.
  const shortest = (4 * (chunkSamples + batchStep) + 2 * CHECKED_SAMPLES) / sampleRate;
  const seconds = Math.max(PIECE_SECONDS, shortest);
  return durationSeconds > LONGEST_PIECE * seconds ? seconds : null;
}
