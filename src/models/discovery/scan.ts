import { findModelFiles, type FoundFile } from './modelFiles.ts';
import type { CatalogLog, ModelCandidate } from '../inspection/modelEntry.ts';
import { renderModelsBlock } from './modelsBlock.ts';
import { readModelYaml } from '../inspection/modelYaml.ts';
import { pairModels, type Pair } from './pairing.ts';
import { tellArchitecture } from '../inspection/tellArchitecture.ts';

/** Limit of logged files: an overfull folder leaves thousands unpaired. */
const MAX_TOLD = 20;
/** Limit of compared YAMLs: comparing all names with all would take seconds in such a folder. */
const MAX_COMPARED = 500;

/**
 * Finds the models in `configs/` and `pretrain/` of the roots and anywhere in the extra folders. Unusable files
 * cause warnings, never failures: one for each broken YAML, one for all unpaired files.
 *
 * @param places.roots absolute folders, the project first; duplicates are searched once
 * @param places.extraModelDirs absolute folders of other tools
 * @param places.knownArchitectures the architectures that the MSST in use builds; null when unknown
 * @param listed models listed in the configuration: their names and files are excluded
 * @returns candidates sorted by name, each with a readable YAML, a checkpoint and a known architecture
 */
export async function scanForModels(
  {
    roots,
    extraModelDirs = [],
    knownArchitectures = null,
  }: {
    roots: readonly string[];
    extraModelDirs?: readonly string[];
    knownArchitectures?: readonly string[] | null;
  },
  listed: readonly ModelCandidate[],
  log: CatalogLog,
): Promise<ModelCandidate[]> {
  const { yamls, checkpoints, skipped, unreal } = await findModelFiles(roots, extraModelDirs);
  const tellSkipped = (folders: readonly string[], message: string) => {
    if (folders.length === 0) return;
    log.warn({ skipped: folders.slice(0, MAX_TOLD), count: folders.length }, message);
  };
  tellSkipped(skipped, 'folders nested too deeply or with too many entries were not searched for models');
  tellSkipped(unreal, 'virtual file systems such as /proc were not searched for models');
  const { pairs, unpairedYamls, unpairedCheckpoints, notes } = pairModels(yamls, checkpoints);
  for (const note of notes) log.warn({}, note);

  const free = pairs.filter((pair) => !isSpokenFor(pair, listed));
  const candidates = (
    await Promise.all(free.map((pair) => readCandidate(pair, knownArchitectures, log)))
  ).filter((candidate) => candidate !== null);
  const spokenFor = new Set(listed.flatMap((model) => [model.configPath, model.checkpointPath]));
  warnOfUnpaired(
    unpairedYamls.filter((file) => !spokenFor.has(file.path)),
    unpairedCheckpoints.filter((file) => !spokenFor.has(file.path)),
    yamls,
    [...pairs, ...listed].map(({ name }) => name),
    log,
  );
  return candidates.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether a listed model replaces this pair: it has the same name or consists of the same two files. */
function isSpokenFor(pair: Pair, listed: readonly ModelCandidate[]): boolean {
  return listed.some(
    (model) =>
      model.name.toLowerCase() === pair.name.toLowerCase() ||
      (model.configPath === pair.yaml.path && model.checkpointPath === pair.checkpoint.path),
  );
}

async function readCandidate(
  pair: Pair,
  known: readonly string[] | null,
  log: CatalogLog,
): Promise<ModelCandidate | null> {
  const { name, yaml, checkpoint } = pair;
  const read = await readModelYaml(yaml.path);
  if (!read.ok) {
    log.warn({ model: name, configPath: yaml.path }, `a model is skipped: ${read.problem}`);
    return null;
  }
  const candidate: ModelCandidate = {
    name,
    architecture: null,
    configPath: yaml.path,
    checkpointPath: checkpoint.path,
    description: null,
    licence: null,
    trustPickle: false,
    loraCheckpointPeft: null,
    loraCheckpointLoralib: null,
    batchSize: null,
    numOverlap: null,
    precision: 'fp32',
    compile: false,
    msstArguments: [],
  };
  const { architecture, notes } = await tellArchitecture(candidate, read.yaml, known);
  if (architecture !== null) return candidate;
  const block = renderModelsBlock([checkpoint], [yaml]);
  log.warn(
    { model: name, configPath: yaml.path },
    `a model is skipped: ${notes.join('; ')}; complete this block to use it:\n${block}`,
  );
  return null;
}

function warnOfUnpaired(
  yamls: readonly FoundFile[],
  checkpoints: readonly FoundFile[],
  allYamls: readonly FoundFile[],
  names: readonly string[],
  log: CatalogLog,
): void {
  if (yamls.length + checkpoints.length === 0) return;
  const count = yamls.length + checkpoints.length;
  const some = (files: readonly FoundFile[]) => files.slice(0, MAX_TOLD).map((file) => file.path);
  const fields = {
    yamlsWithoutCheckpoint: some(yamls),
    checkpointsWithoutYaml: some(checkpoints),
    ...(Math.max(yamls.length, checkpoints.length) > MAX_TOLD ? { count } : {}),
  };
  const guesses = () =>
    renderModelsBlock(checkpoints.slice(0, MAX_TOLD), allYamls.slice(0, MAX_COMPARED), names);
  const rule = 'they must have the same base name or be listed under `models`';
  const block =
    checkpoints.length === 0
      ? ''
      : `; check and complete this block to use ${checkpoints.length > MAX_TOLD ? `${String(MAX_TOLD)} of ` : ''}the checkpoints:\n${guesses()}`;
  log.warn(fields, `model files without a matching YAML or checkpoint are skipped: ${rule}${block}`);
}
