import type { Chunking } from '../../models/inspection/modelYaml.ts';

/** Mixtures up to this length are separated as a whole: memory for that is always available. */
export const WHOLE_SECONDS = 300;
const PIECE_SECONDS = 240;
/** Samples computed by both of two adjacent pieces, for comparison (`python_worker/engine/pieces/piece_plan.py`). */
const CHECKED_SAMPLES = 4096;
/** A remainder shorter than this is added to the last piece. */
export const LONGEST_PIECE = 1.25;

/**
 * The length in seconds of the pieces that a long mixture is cut into, because MSST holds all of its input in memory.
 *
 * @param chunking null: unknown, and nothing is cut
 * @param sampleRate of the model, in Hz
 * @returns null: it is separated as a whole
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
