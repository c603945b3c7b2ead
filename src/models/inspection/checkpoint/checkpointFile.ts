import { constants, open, type FileHandle } from 'node:fs/promises';
import { HEAD_BYTES, tellFormat } from './checkpointFormat.ts';
import { readAt } from './readAt.ts';
import { findSafetensorsProblem } from './safetensorsFile.ts';
import { findZipProblem } from './torchZip.ts';

export type CheckpointCheck = { ok: true; sizeBytes: number } | { ok: false; problem: string };

/**
 * Checks a checkpoint by reading its directory, never its weights: as cheap for 10 GB as for 10 MB.
 *
 * Detects missing, empty, truncated and foreign files. Bit errors in the weights and truncated legacy pickles are
 * found only by loading.
 *
 * @returns the size, or a clause (without a path) that says why the file cannot be used. Never throws.
 */
export async function checkCheckpoint(file: string): Promise<CheckpointCheck> {
  let handle: FileHandle | null = null;
  try {
    // Without O_NONBLOCK, opening a named pipe would block forever.
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
  return problem === null ? { ok: true, sizeBytes } : { ok: false, problem };
}

function foreign(head: Buffer): string {
  const text = head.toString('latin1').trimStart().toLowerCase();
  if (text.startsWith('version https://git-lfs')) {
    return 'its checkpoint is a Git LFS pointer instead of the file: run `git lfs pull`';
  }
  if (text.startsWith('<!doctype') || text.startsWith('<html') || text.startsWith('<?xml')) {
    return 'its checkpoint is a web page: the download failed';
  }
  return 'its checkpoint is neither a PyTorch nor a safetensors file, or its beginning is damaged';
}

function unreadable(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return 'its checkpoint is missing';
  return `its checkpoint cannot be read (${error.code ?? 'unknown error'})`;
}
