import type { FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
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
/** Pickle limit; real ones take about 200 bytes per tensor. */
const MAX_PICKLE_BYTES = 16 * 1024 * 1024;
/** Directory limit; at about 100 bytes per tensor, enough for 600,000. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** Directory entries parsed between yields to the event loop: a few milliseconds. */
const ENTRIES_A_SLICE = 10_000;

const CUT = 'its checkpoint is truncated or damaged: the directory at its end is missing';
const DAMAGED = 'its checkpoint is damaged: the directory at its end cannot be read';

interface Directory {
  offset: number;
  sizeBytes: number;
}

/** A file in the archive. */
interface Entry {
  isStored: boolean;
  sizeBytes: number;
  offset: number;
}

/**
 * Checks the directory of a zip archive written by PyTorch. It is at the end of the file, so a truncated file has
 * none.
 *
 * @returns null when the archive is complete and holds a `data.pkl`; else a clause that says what is wrong
 */
export async function findZipProblem(handle: FileHandle, sizeBytes: number): Promise<string | null> {
  const pickle = await findPickle(handle, sizeBytes);
  if (pickle !== undefined) return typeof pickle === 'string' ? pickle : null;
  return 'its checkpoint is a zip archive, but not one written by PyTorch: it has no data.pkl';
}

/**
 * Reads the pickle that describes the tensors in the archive.
 *
 * @returns null when there is none, it exceeds the limit, or it is compressed, which PyTorch never does
 */
export async function readZippedPickle(handle: FileHandle, sizeBytes: number): Promise<Buffer | null> {
  const entry = await findPickle(handle, sizeBytes);
  if (typeof entry === 'string' || !entry?.isStored || entry.sizeBytes > MAX_PICKLE_BYTES) return null;
  const header = await readAt(handle, entry.offset, LOCAL_HEADER_BYTES);
  if (header.length < LOCAL_HEADER_BYTES || header.readUInt32LE(0) !== LOCAL_HEADER_SIGNATURE) return null;
  const start = entry.offset + LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  const pickle = await readAt(handle, start, entry.sizeBytes);
  return pickle.length === entry.sizeBytes ? pickle : null;
}

/** @returns the pickle's entry; undefined when an intact directory has none; a clause when something is wrong */
async function findPickle(handle: FileHandle, sizeBytes: number): Promise<Entry | undefined | string> {
  const directory = await findDirectory(handle, sizeBytes);
  if (directory === null) return CUT;
  const { offset, sizeBytes: length } = directory;
  if (offset + length > sizeBytes || length > MAX_DIRECTORY_BYTES) return DAMAGED;
  return findPickleIn(await readAt(handle, offset, length));
}

/** Parses the directory to its end, past the pickle, to detect damage. Yields to the event loop regularly. */
async function findPickleIn(directory: Buffer): Promise<Entry | undefined | string> {
  let pickle: Entry | undefined;
  let at = 0;
  for (let entries = 1; at < directory.length; entries += 1) {
    if (at + ENTRY_BYTES > directory.length || directory.readUInt32LE(at) !== ENTRY_SIGNATURE) return DAMAGED;
    const nameAt = at + ENTRY_BYTES;
    const nameEnd = nameAt + directory.readUInt16LE(at + 28);
    const ending = directory.toString('latin1', Math.max(nameAt, nameEnd - '/data.pkl'.length), nameEnd);
    if (ending === 'data.pkl' || ending === '/data.pkl') {
      pickle ??= {
        isStored: directory.readUInt16LE(at + 10) === 0,
        sizeBytes: directory.readUInt32LE(at + 24),
        offset: directory.readUInt32LE(at + 42),
      };
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    if (entries % ENTRIES_A_SLICE === 0) await setImmediate();
  }
  return at === directory.length ? pickle : DAMAGED;
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

/** Finds the last end record whose comment reaches exactly to the end of the file. */
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
