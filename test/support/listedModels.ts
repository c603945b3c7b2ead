import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { makeCheckpoint, makeYaml, putFile } from '../unit/models/modelFolder.ts';

/** Models with files of their own, for the setting `models`. */
export interface ListedModels {
  entries: { name: string; config_path: string; checkpoint_path: string }[];
  /** Where a model's checkpoint lies. */
  checkpointOf(name: string): string;
  dispose(): Promise<void>;
}

/** Writes them: a YAML with these facts, and a checkpoint that passes for one, for each name. */
export async function listModels(
  models: Record<string, Parameters<typeof makeYaml>[0]>,
): Promise<ListedModels> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-models-'));
  const checkpointOf = (name: string) => path.join(folder, `${name}.ckpt`);
  const entries = Object.entries(models).map(async ([name, facts]) => {
    const config = path.join(folder, `${name}.yaml`);
    await putFile(config, makeYaml(facts));
    await putFile(checkpointOf(name), makeCheckpoint());
    return { name, config_path: config, checkpoint_path: checkpointOf(name) };
  });
  return {
    entries: await Promise.all(entries),
    checkpointOf,
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}
