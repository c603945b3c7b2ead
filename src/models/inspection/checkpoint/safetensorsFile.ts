import type { FileHandle } from 'node:fs/promises';
import { readAt } from './readAt.ts';

const LENGTH_BYTES = 8;
/** Header limit; real headers take about 100 bytes per tensor. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024;

const CUT = 'its checkpoint is truncated: the safetensors header declares more bytes than the file has';
const DAMAGED = 'its checkpoint is damaged: its safetensors header cannot be read';

/**
 * Reads a safetensors header and checks its offsets against the file size.
 *
 * @returns null when every tensor lies within the file; else a clause that says what is wrong
 */
export async function findSafetensorsProblem(handle: FileHandle, sizeBytes: number): Promise<string | null> {
  const header = await readHeader(handle, sizeBytes);
  if (typeof header === 'string') return header;
  const ends = header.tensors.map(([, tensor]) => endOf(tensor));
  if (ends.length === 0 || ends.some((end) => end === null)) return DAMAGED;
  return ends.every((end) => end !== null && end <= header.dataBytes) ? null : CUT;
}

/** Tensor shapes by name; null when the header cannot be read. */
export async function readSafetensorsShapes(
  handle: FileHandle,
  sizeBytes: number,
): Promise<ReadonlyMap<string, readonly number[]> | null> {
  const header = await readHeader(handle, sizeBytes);
  if (typeof header === 'string') return null;
  return new Map(
    header.tensors.map(([name, tensor]) => {
      const shape = (tensor as { shape?: unknown } | null)?.shape;
      return [name, Array.isArray(shape) ? shape.map(Number) : []];
    }),
  );
}

/** @returns the header, or a clause that says why it cannot be read */
async function readHeader(
  handle: FileHandle,
  sizeBytes: number,
): Promise<{ tensors: [string, unknown][]; dataBytes: number } | string> {
  const lengthField = await readAt(handle, 0, LENGTH_BYTES);
  if (lengthField.length < LENGTH_BYTES) return DAMAGED;
  const headerBytes = Number(lengthField.readBigUInt64LE(0));
  if (headerBytes > MAX_HEADER_BYTES) return DAMAGED;
  if (LENGTH_BYTES + headerBytes > sizeBytes) return CUT;
  const tensors = parseHeader((await readAt(handle, LENGTH_BYTES, headerBytes)).toString('utf8'));
  return tensors === null ? DAMAGED : { tensors, dataBytes: sizeBytes - LENGTH_BYTES - headerBytes };
}

function parseHeader(header: string): [string, unknown][] | null {
  let tensors: unknown;
  try {
    tensors = JSON.parse(header);
  } catch {
    return null;
  }
  if (typeof tensors !== 'object' || tensors === null) return null;
  return (Object.entries(tensors) as [string, unknown][]).filter(([name]) => name !== '__metadata__');
}

function endOf(tensor: unknown): number | null {
  const offsets = (tensor as { data_offsets?: unknown } | null)?.data_offsets;
  if (!Array.isArray(offsets)) return null;
  const [start, end] = offsets as unknown[];
  return isOffset(start) && isOffset(end) && start <= end ? end : null;
}

const isOffset = (found: unknown): found is number =>
  typeof found === 'number' && Number.isInteger(found) && found >= 0;
