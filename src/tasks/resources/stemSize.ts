const BYTES_OF = { PCM_16: 2, PCM_24: 3, FLOAT: 4 } as const;
const CHANNELS = 2;

/**
 * Upper bound of the disk space of a task's stems, in bytes. FLAC counts as uncompressed, since noise barely
 * compresses.
 */
export function stemBytes(size: {
  durationSeconds: number;
  sampleRate: number;
  stems: number;
  pcmType: keyof typeof BYTES_OF;
}): number {
  return size.durationSeconds * size.sampleRate * CHANNELS * BYTES_OF[size.pcmType] * size.stems;
}
