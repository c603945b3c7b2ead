import type { FileHandle } from 'node:fs/promises';
import { readAt } from './readAt.ts';

const LENGTH_BYTES = 8;
/** Real headers take some 100 bytes a tensor. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024;

const CUT = 'its checkpoint is cut short: the safetensors header promises more bytes than there are';
const DAMAGED = 'its checkpoint is damaged: its safetensors header cannot be read';

/**
 * Reads a safetensors header and holds its offsets against the file's size.
 *
 * @returns null: every tensor lies within the file; else one sentence that says what is wrong.
 */
export async function findSafetensorsProblem(handle: FileHandle, sizeBytes: number): Promise<string | null> {
  const lengthField = await readAt(handle, 0, LENGTH_BYTES);
  if (lengthField.length < LENGTH_BYTES) return DAMAGED;
  const headerBytes = Number(lengthField.readBigUInt64LE(0));
  if (headerBytes > MAX_HEADER_BYTES) return DAMAGED;
  if (LENGTH_BYTES + headerBytes > sizeBytes) return CUT;
  const ends = tensorEnds((await readAt(handle, LENGTH_BYTES, headerBytes)).toString('utf8'));
  if (ends === null || ends.length === 0) return DAMAGED;
  const dataBytes = sizeBytes - LENGTH_BYTES - headerBytes;
  return ends.every((end) => end <= dataBytes) ? null : CUT;
}

function tensorEnds(header: string): number[] | null {
  let tensors: unknown;
  try {
    tensors = JSON.parse(header);
  } catch {
    return null;
  }
  if (typeof tensors !== 'object' || tensors === null) return null;
  const ends: number[] = [];
  for (const [name, tensor] of Object.entries(tensors) as [string, unknown][]) {
    if (name === '__metadata__') continue;
    const offsets = (tensor as { data_offsets?: unknown } | null)?.data_offsets;
    if (!Array.isArray(offsets)) return null;
    const [start, end] = offsets as unknown[];
    if (!isOffset(start) || !isOffset(end) || start > end) return null;
    ends.push(end);
  }
  return ends;
}

const isOffset = (found: unknown): found is number =>
  typeof found === 'number' && Number.isInteger(found) && found >= 0;
