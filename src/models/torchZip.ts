import type { FileHandle } from 'node:fs/promises';
import { readAt } from './readAt.ts';

export const ZIP_MAGIC = Buffer.from('PK\x03\x04', 'latin1');

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;
const ZIP64_LOCATOR_BYTES = 20;
const ZIP64_END_SIGNATURE = 0x06064b50;
const ZIP64_END_BYTES = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
/** About 100 bytes a tensor: room for 600 thousand of them. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;

const CUT = 'its checkpoint is cut short or damaged: the directory at its end is missing';
const DAMAGED = 'its checkpoint is damaged: the directory at its end cannot be read';

interface Directory {
  offset: number;
  sizeBytes: number;
}

/**
 * Reads a zip's directory as PyTorch writes it: it stands at the end, so a file that was cut anywhere lacks it.
 *
 * @returns null: whole, and with a `data.pkl`; else one sentence that says what is wrong.
 */
export async function findZipProblem(handle: FileHandle, sizeBytes: number): Promise<string | null> {
  const directory = await findDirectory(handle, sizeBytes);
  if (directory === null) return CUT;
  const { offset, sizeBytes: length } = directory;
  if (offset + length > sizeBytes || length > MAX_DIRECTORY_BYTES) return DAMAGED;
  const names = entryNames(await readAt(handle, offset, length));
  if (names === null) return DAMAGED;
  if (names.some((name) => name === 'data.pkl' || name.endsWith('/data.pkl'))) return null;
  return 'its checkpoint is a zip archive, but not one that PyTorch wrote: it holds no data.pkl';
}

async function findDirectory(handle: FileHandle, sizeBytes: number): Promise<Directory | null> {
  const tailStart = Math.max(0, sizeBytes - END_BYTES - MAX_COMMENT_BYTES - ZIP64_LOCATOR_BYTES);
  const tail = await readAt(handle, tailStart, sizeBytes - tailStart);
  const end = findEnd(tail);
  if (end === null) return null;
  const locator = end - ZIP64_LOCATOR_BYTES;
  if (locator >= 0 && tail.readUInt32LE(locator) === ZIP64_LOCATOR_SIGNATURE) {
    return await readZip64End(handle, Number(tail.readBigUInt64LE(locator + 8)));
  }
  return { sizeBytes: tail.readUInt32LE(end + 12), offset: tail.readUInt32LE(end + 16) };
}

/** The last end record whose comment reaches exactly to the end of the file. */
function findEnd(tail: Buffer): number | null {
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    const reachesEnd = () => at + END_BYTES + tail.readUInt16LE(at + 20) === tail.length;
    if (tail.readUInt32LE(at) === END_SIGNATURE && reachesEnd()) return at;
  }
  return null;
}

async function readZip64End(handle: FileHandle, offset: number): Promise<Directory | null> {
  if (!Number.isSafeInteger(offset)) return null;
  const record = await readAt(handle, offset, ZIP64_END_BYTES);
  if (record.length < ZIP64_END_BYTES || record.readUInt32LE(0) !== ZIP64_END_SIGNATURE) return null;
  return { sizeBytes: Number(record.readBigUInt64LE(40)), offset: Number(record.readBigUInt64LE(48)) };
}

function entryNames(directory: Buffer): string[] | null {
  const names: string[] = [];
  let at = 0;
  while (at < directory.length) {
    if (at + ENTRY_BYTES > directory.length || directory.readUInt32LE(at) !== ENTRY_SIGNATURE) return null;
    const nameEnd = at + ENTRY_BYTES + directory.readUInt16LE(at + 28);
    names.push(directory.toString('utf8', at + ENTRY_BYTES, nameEnd));
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return at === directory.length ? names : null;
}
