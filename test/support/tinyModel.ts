import { execFile } from 'node:child_process';
import { appendFile, cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { enginePython } from './python.ts';

const standIn = path.resolve(import.meta.dirname, '../python/msst_upstream');

/** An entry of `models` in the configuration. */
export interface TinyModel {
  name: string;
  config_path: string;
  checkpoint_path: string;
}

/** A model for a stand-in of MSST: its YAML, and random weights saved as its training would save them. */
export async function makeTinyModel(msstRoot: string, base: string, name = 'mine'): Promise<TinyModel> {
  const model = { name, config_path: `${base}.yaml`, checkpoint_path: `${base}.ckpt` };
  const config = {
    audio: { chunk_size: 44_100, num_channels: 2, sample_rate: 44_100 },
    model: {},
    training: { model_type: 'mdx23c', instruments: ['vocals', 'other'], target_instrument: null },
    inference: { batch_size: 1, num_overlap: 2 },
  };
  await writeFile(model.config_path, JSON.stringify(config));
  await runInEngine(
    [
      'import sys, torch',
      'sys.path.insert(0, sys.argv[1])',
      'from utils.settings import get_model_from_config',
      'torch.manual_seed(0)',
      'model, _ = get_model_from_config("mdx23c", sys.argv[2])',
      'torch.save(model.state_dict(), sys.argv[3])',
    ],
    [msstRoot, model.config_path, model.checkpoint_path],
  );
  return model;
}

/** A copy of the stand-in of upstream MSST whose network has these lines of Python after its own. */
export async function makeMsst(folder: string, ...lines: string[]): Promise<string> {
  await cp(standIn, folder, { recursive: true });
  await appendFile(path.join(folder, 'models/tiny.py'), ['', ...lines, ''].join('\n'));
  return folder;
}

/** Runs lines of Python where torch is. */
export async function runInEngine(lines: readonly string[], args: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    execFile(enginePython, ['-c', lines.join('\n'), ...args], (error) => {
      if (error) reject(new Error(error.message));
      else resolve();
    });
  });
}
