/** The file format of a checkpoint; `pickle` and `tar` are PyTorch's formats from before 2020. */
export type CheckpointFormat = 'zip' | 'pickle' | 'tar' | 'safetensors';

/** How many bytes from the start `tellFormat` needs. */
export const HEAD_BYTES = 512;

const ZIP_MAGIC = Buffer.from('PK\x03\x04', 'latin1');
/** PyTorch's magic number, pickled with protocol 2. */
const LEGACY_MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
const TAR_MAGIC_OFFSET = 257;

/** Detects the format of a checkpoint from its first bytes; null when it is not a checkpoint. */
export function tellFormat(head: Buffer): CheckpointFormat | null {
  if (head.subarray(0, 4).equals(ZIP_MAGIC)) return 'zip';
  if (head.subarray(0, LEGACY_MAGIC.length).equals(LEGACY_MAGIC)) return 'pickle';
  if (head.toString('latin1', TAR_MAGIC_OFFSET, TAR_MAGIC_OFFSET + 5) === 'ustar') return 'tar';
  // Safetensors: an eight-byte length, then JSON.
  if (head[8] === 0x7b) return 'safetensors';
  return null;
}
