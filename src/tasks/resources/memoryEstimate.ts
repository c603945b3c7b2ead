const BYTES_PER_SAMPLE = 4;
const CHANNELS = 2;
/** MSST holds three arrays per stem, plus the mixture, its padded copies and the counters. */
const COPIES_PER_STEM = 3;
const COPIES_BESIDE = 5;
/** Share of memory available to separations: the network, torch and the rest of the host need memory too. */
const USABLE_SHARE = 0.8;

/** What a separation's memory use depends on, apart from the mixture's length. */
export interface SeparationSize {
  /** The model's sample rate, to which the mixture is resampled (Hz). */
  sampleRate: number;
  /** How many stems the network outputs, requested or not. */
  stems: number;
  bigshifts: number;
}

/** The longest mixture, in seconds, that MSST can separate on a host with this much memory (bytes). */
export function longestMixtureSeconds(size: SeparationSize, memoryBytes: number): number {
  return Math.floor(usableBytes(memoryBytes) / separationBytes(size, 1));
}

/**
 * Bytes that MSST needs to separate a mixture of this length: about (3·stems + 5) copies of the stereo float
 * mixture, plus one copy of every stem for each further shift. Derived from MSST's `demix` and
 * `bigshifts_wrapper`.
 */
export function separationBytes(size: SeparationSize, durationSeconds: number): number {
  const { sampleRate, stems, bigshifts } = size;
  const copies = COPIES_PER_STEM * stems + COPIES_BESIDE + (bigshifts - 1) * stems;
  return copies * sampleRate * CHANNELS * BYTES_PER_SAMPLE * durationSeconds;
}

/** How much of a host's memory (bytes) all separations together may use. */
export const usableBytes = (memoryBytes: number) => memoryBytes * USABLE_SHARE;

/** Bytes of host memory that this process and its children may use, taking a container's limit into account. */
export function hostMemoryBytes(totalBytes: number, constrainedBytes: number): number {
  return constrainedBytes > 0 ? Math.min(totalBytes, constrainedBytes) : totalBytes;
}
