import { stat } from 'node:fs/promises';
import path from 'node:path';
import { checkCheckpoint } from './checkpoint/checkpointFile.ts';
import { fileVersion } from './fileVersion.ts';
import type { ModelCandidate } from './modelEntry.ts';

type LoraPaths = Pick<ModelCandidate, 'loraCheckpointPeft' | 'loraCheckpointLoralib'>;

/** The weight files that peft's `save_pretrained` writes into a folder; the first that exists is used. */
const PEFT_WEIGHTS = ['adapter_model.safetensors', 'adapter_model.bin'] as const;
const PEFT_CONFIG = 'adapter_config.json';

/** The files of a model's LoRA adapters, including the settings file that peft reads beside the weights. */
export async function loraFiles({ loraCheckpointPeft, loraCheckpointLoralib }: LoraPaths): Promise<string[]> {
  const loralib = loraCheckpointLoralib === null ? [] : [loraCheckpointLoralib];
  if (loraCheckpointPeft === null) return loralib;
  const peft = (await isFolder(loraCheckpointPeft))
    ? [...PEFT_WEIGHTS, PEFT_CONFIG].map((name) => path.join(loraCheckpointPeft, name))
    : [loraCheckpointPeft, path.join(path.dirname(loraCheckpointPeft), PEFT_CONFIG)];
  return [...peft, ...loralib];
}

/** @returns a clause (without a path) that says why a model's LoRA adapters cannot be used; null when they can */
export async function findLoraProblem(candidate: LoraPaths): Promise<string | null> {
  const { loraCheckpointPeft: peft, loraCheckpointLoralib: loralib } = candidate;
  const peftFile = peft !== null && (await isFolder(peft)) ? await weightsIn(peft) : peft;
  if (peft !== null && peftFile === null) {
    return `its LoRA checkpoint is a folder without ${PEFT_WEIGHTS.join(' or ')}`;
  }
  for (const file of [peftFile, loralib]) {
    const check = file === null ? null : await checkCheckpoint(file);
    if (check?.ok === false) return check.problem.replace('its checkpoint', 'its LoRA checkpoint');
  }
  return null;
}

async function weightsIn(folder: string): Promise<string | null> {
  for (const name of PEFT_WEIGHTS) {
    const file = path.join(folder, name);
    if ((await fileVersion(file)) !== null) return file;
  }
  return null;
}

async function isFolder(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isDirectory();
  } catch {
    return false;
  }
}
