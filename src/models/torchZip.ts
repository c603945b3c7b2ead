import type { FileHandle } from 'node:fs/promises';
import { readAt } from './readAt.ts';

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;
const ZIP64_LOCATOR_BYTES = 20;
const ZIP64_END_SIGNATURE = 0x06064b50;
const ZIP64_END_BYTES = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;
/** Real ones take some 200 bytes a tensor. */
const MAX_PICKLE_BYTES = 16 * 1024 * 1024;
/** About 100 bytes a tensor: room for 600 thousand of them. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;

const CUT = 'its checkpoint is cut short or damaged: the directory at its end is missing';
const DAMAGED = 'its checkpoint is damaged: the directory at its end cannot be read';

interface Directory {
  offset: number;
  sizeBytes: number;
}

/** One file of the archive. */
interface Entry {
  name: string;
  isStored: boolean;
  sizeBytes: number;
  offset: number;
}

/**
 * Reads a zip's directory as PyTorch writes it: it stands at the end, so a file that was cut anywhere lacks it.
 *
 * @returns null: whole, and with a `data.pkl`; else one sentence that says what is wrong.
 */
export async function findZipProblem(handle: FileHandle, sizeBytes: number): Promise<string | null> {
  const entries = await readEntries(handle, sizeBytes);
  if (typeof entries === 'string') return entries;
  if (entries.some(isPickle)) return null;
  return 'its checkpoint is a zip archive, but not one that PyTorch wrote: it holds no data.pkl';
}

/**
 * The pickle that says which tensors the archive holds.
 *
 * @returns null: there is none, it is larger than any real one, or packed as PyTorch never does it.
 */
export async function readZippedPickle(handle: FileHandle, sizeBytes: number): Promise<Buffer | null> {
  const entries = await readEntries(handle, sizeBytes);
  if (typeof entries === 'string') return null;
  const entry = entries.find(isPickle);
  if (!entry?.isStored || entry.sizeBytes > MAX_PICKLE_BYTES) return null;
  const header = await readAt(handle, entry.offset, LOCAL_HEADER_BYTES);
  if (header.length < LOCAL_HEADER_BYTES || header.readUInt32LE(0) !== LOCAL_HEADER_SIGNATURE) return null;
  const start = entry.offset + LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  const pickle = await readAt(handle, start, entry.sizeBytes);
  return pickle.length === entry.sizeBytes ? pickle : null;
}

const isPickle = ({ name }: Entry) => name === 'data.pkl' || name.endsWith('/data.pkl');

/** @returns one sentence where there is something wrong */
async function readEntries(handle: FileHandle, sizeBytes: number): Promise<Entry[] | string> {
  const directory = await findDirectory(handle, sizeBytes);
  if (directory === null) return CUT;
  const { offset, sizeBytes: length } = directory;
  if (offset + length > sizeBytes || length > MAX_DIRECTORY_BYTES) return DAMAGED;
  return entriesOf(await readAt(handle, offset, length)) ?? DAMAGED;
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

function entriesOf(directory: Buffer): Entry[] | null {
  const entries: Entry[] = [];
  let at = 0;
  while (at < directory.length) {
    if (at + ENTRY_BYTES > directory.length || directory.readUInt32LE(at) !== ENTRY_SIGNATURE) return null;
    const nameEnd = at + ENTRY_BYTES + directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString('utf8', at + ENTRY_BYTES, nameEnd),
      isStored: directory.readUInt16LE(at + 10) === 0,
      sizeBytes: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    });
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return at === directory.length ? entries : null;
}
