import { constants, open, type FileHandle } from 'node:fs/promises';
import { tellFormat, HEAD_BYTES } from './checkpointFormat.ts';
import { readPickledTensors, type TensorShapes } from './pickledTensors.ts';
import { readAt } from './readAt.ts';
import { readSafetensorsShapes } from './safetensorsFile.ts';
import { readZippedPickle } from './torchZip.ts';

export type CheckpointTensors = { ok: true; tensors: TensorShapes } | { ok: false; problem: string };

/**
 * Reads the names and shapes of a checkpoint's tensors from its directory and pickle. Never reads the weights and
 * never executes code from the checkpoint.
 *
 * @returns the tensors, or a clause that says why they cannot be read. Never throws.
 */
export async function readCheckpointTensors(file: string): Promise<CheckpointTensors> {
  let handle: FileHandle | null = null;
  try {
    // Without O_NONBLOCK, opening a named pipe would block forever.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    return await readFrom(handle);
  } catch {
    return { ok: false, problem: 'its checkpoint cannot be read' };
  } finally {
    await handle?.close();
  }
}

async function readFrom(handle: FileHandle): Promise<CheckpointTensors> {
  const { size } = await handle.stat();
  switch (tellFormat(await readAt(handle, 0, HEAD_BYTES))) {
    case 'zip': {
      const pickle = await readZippedPickle(handle, size);
      return asResult(pickle && (await readPickledTensors(pickle)));
    }
    case 'safetensors':
      return asResult(await readSafetensorsShapes(handle, size));
    case 'pickle':
    case 'tar':
      return { ok: false, problem: 'its checkpoint is in a format of PyTorch before 1.6' };
    case null:
      return { ok: false, problem: 'its checkpoint is not a checkpoint file' };
  }
}

const asResult = (tensors: TensorShapes | null): CheckpointTensors =>
  tensors === null
    ? { ok: false, problem: 'the tensors of its checkpoint cannot be read' }
    : { ok: true, tensors };
