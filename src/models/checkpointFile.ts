import { constants, open, type FileHandle } from 'node:fs/promises';
import { readAt } from './readAt.ts';
import { findSafetensorsProblem } from './safetensorsFile.ts';
import { findZipProblem, ZIP_MAGIC } from './torchZip.ts';

/** How a checkpoint's bytes are laid out; `pickle` and `tar` are PyTorch's formats of before 2020. */
export type CheckpointFormat = 'zip' | 'pickle' | 'tar' | 'safetensors';

export type CheckpointCheck =
  { ok: true; format: CheckpointFormat; sizeBytes: number } | { ok: false; problem: string };

const HEAD_BYTES = 512;
/** PyTorch's magic number, pickled with protocol 2. */
const LEGACY_MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
const TAR_MAGIC_OFFSET = 257;

/**
 * Opens a checkpoint and reads its directory, never its weights: as cheap for 10 GB as for 10 MB.
 *
 * Finds missing, empty, cut and foreign files. Flipped bits within the weights, and where an old-style pickle was
 * cut, only loading can tell.
 *
 * @returns the format and size, or one sentence (no path in it) that says why the file is of no use. Never throws.
 */
export async function checkCheckpoint(file: string): Promise<CheckpointCheck> {
  let handle: FileHandle | null = null;
  try {
    // Without O_NONBLOCK, opening a pipe that somebody left there would wait for ever.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile()) return { ok: false, problem: 'its checkpoint is not a file' };
    return await checkContent(handle, stats.size);
  } catch (error) {
    return { ok: false, problem: unreadable(error as NodeJS.ErrnoException) };
  } finally {
    await handle?.close();
  }
}

async function checkContent(handle: FileHandle, sizeBytes: number): Promise<CheckpointCheck> {
  if (sizeBytes === 0) return { ok: false, problem: 'its checkpoint is empty' };
  const head = await readAt(handle, 0, HEAD_BYTES);
  const format = tellFormat(head);
  if (format === null) return { ok: false, problem: foreign(head) };
  const problem =
    format === 'zip'
      ? await findZipProblem(handle, sizeBytes)
      : format === 'safetensors'
        ? await findSafetensorsProblem(handle, sizeBytes)
        : null;
  return problem === null ? { ok: true, format, sizeBytes } : { ok: false, problem };
}

function tellFormat(head: Buffer): CheckpointFormat | null {
  if (head.subarray(0, 4).equals(ZIP_MAGIC)) return 'zip';
  if (head.subarray(0, LEGACY_MAGIC.length).equals(LEGACY_MAGIC)) return 'pickle';
  if (head.toString('latin1', TAR_MAGIC_OFFSET, TAR_MAGIC_OFFSET + 5) === 'ustar') return 'tar';
  // Eight bytes of length, then JSON.
  if (head[8] === 0x7b) return 'safetensors';
  return null;
}

function foreign(head: Buffer): string {
  const text = head.toString('latin1').trimStart().toLowerCase();
  if (text.startsWith('version https://git-lfs')) {
    return 'its checkpoint is a Git LFS pointer instead of the file: `git lfs pull` brings it';
  }
  if (text.startsWith('<!doctype') || text.startsWith('<html') || text.startsWith('<?xml')) {
    return 'its checkpoint is a web page: the download went wrong';
  }
  return 'its checkpoint is neither a PyTorch nor a safetensors file, or its beginning is damaged';
}

function unreadable(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return 'its checkpoint is missing';
  return `its checkpoint cannot be read (${error.code ?? 'unknown error'})`;
}
