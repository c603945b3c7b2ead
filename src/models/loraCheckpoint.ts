import { stat } from 'node:fs/promises';
import path from 'node:path';
import { checkCheckpoint } from './checkpointFile.ts';
import { fileVersion } from './fileVersion.ts';
import type { ModelCandidate } from './modelEntry.ts';

type LoraPaths = Pick<ModelCandidate, 'loraCheckpointPeft' | 'loraCheckpointLoralib'>;

/** What peft's `save_pretrained` writes into a folder; of the first two, the first that is there counts. */
const PEFT_WEIGHTS = ['adapter_model.safetensors', 'adapter_model.bin'] as const;
const PEFT_CONFIG = 'adapter_config.json';

/** The files that a model's LoRA adapters may consist of; peft reads its settings from the one beside its weights. */
export async function loraFiles({ loraCheckpointPeft, loraCheckpointLoralib }: LoraPaths): Promise<string[]> {
  const loralib = loraCheckpointLoralib === null ? [] : [loraCheckpointLoralib];
  if (loraCheckpointPeft === null) return loralib;
  const peft = (await isFolder(loraCheckpointPeft))
    ? [...PEFT_WEIGHTS, PEFT_CONFIG].map((name) => path.join(loraCheckpointPeft, name))
    : [loraCheckpointPeft, path.join(path.dirname(loraCheckpointPeft), PEFT_CONFIG)];
  return [...peft, ...loralib];
}

/** @returns a clause (no path in it) that says why a model's LoRA adapters cannot be used; null: nothing speaks against it. */
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
