const BYTES_OF = { PCM_16: 2, PCM_24: 3, FLOAT: 4 } as const;
const CHANNELS = 2;

/**
 * Bytes that the stems of a task take on disk at most. FLAC is counted as if it saved nothing, which noise
 * comes close to.
 */
export function stemBytes(size: {
  durationSeconds: number;
  sampleRate: number;
  stems: number;
  pcmType: keyof typeof BYTES_OF;
}): number {
  return size.durationSeconds * size.sampleRate * CHANNELS * BYTES_OF[size.pcmType] * size.stems;
}
