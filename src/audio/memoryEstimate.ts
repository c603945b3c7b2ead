const BYTES_PER_SAMPLE = 4;
const CHANNELS = 2;
/** MSST holds the mixture, its padded copies and the counters beside three arrays for every stem. */
const COPIES_PER_STEM = 3;
const COPIES_BESIDE = 5;
/** The rest of the host, the network and torch itself need room too. */
const USABLE_SHARE = 0.8;

/** What the memory of a separation depends on, beside its length. */
export interface SeparationSize {
  /** Of the model: the mixture is resampled to it first. */
  sampleRate: number;
  /** How many stems the network puts out, wanted or not. */
  stems: number;
  bigshifts: number;
}

/** The longest mixture, in seconds, that MSST can separate in a host with this much memory (bytes). */
export function longestMixtureSeconds(size: SeparationSize, memoryBytes: number): number {
  return Math.floor(usableBytes(memoryBytes) / separationBytes(size, 1));
}

/**
 * Bytes that MSST takes to separate a mixture of this length: about (3·stems + 5) copies of the stereo float
 * mixture, and one more of every stem for each further shift. Read off MSST's `demix` and `bigshifts_wrapper`.
 */
export function separationBytes(size: SeparationSize, durationSeconds: number): number {
  const { sampleRate, stems, bigshifts } = size;
  const copies = COPIES_PER_STEM * stems + COPIES_BESIDE + (bigshifts - 1) * stems;
  return copies * sampleRate * CHANNELS * BYTES_PER_SAMPLE * durationSeconds;
}

/** How much of a host's memory (bytes) separations may take, all together. */
export const usableBytes = (memoryBytes: number) => memoryBytes * USABLE_SHARE;

/** Bytes of host memory that this process and its children may use, a container's limit included. */
export function hostMemoryBytes(totalBytes: number, constrainedBytes: number): number {
  return constrainedBytes > 0 ? Math.min(totalBytes, constrainedBytes) : totalBytes;
}
