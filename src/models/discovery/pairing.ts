import path from 'node:path';
import { isArchitecture } from '../inspection/architecture.ts';
import { CHECKPOINT_FILE, YAML_FILE, type FoundFile } from './modelFiles.ts';

/** A YAML and its checkpoint. */
export interface Pair {
  /** `[A-Za-z0-9._-]+`, unique ignoring case. */
  name: string;
  yaml: FoundFile;
  checkpoint: FoundFile;
}

/** The pairs found and the files left over. */
export interface Pairing {
  pairs: Pair[];
  unpairedYamls: FoundFile[];
  unpairedCheckpoints: FoundFile[];
  /** Sentences about ambiguous choices; they contain file paths. */
  notes: string[];
}

const MAX_NAME_LENGTH = 100;
const MOST_TOLD = 10;

/**
 * Pairs each YAML with the checkpoint of the same base name (ignoring a leading `config_` and a checkpoint
 * extension before `.yaml`); else with the checkpoint of the same core name (see `coreName`), if only these two of
 * the remaining files have it; else with the only checkpoint in its folder. The result does not depend on the
 * order of the files.
 */
export function pairModels(yamls: readonly FoundFile[], checkpoints: readonly FoundFile[]): Pairing {
  const partners = new Map<FoundFile, FoundFile>();
  const equals = new Map<FoundFile, FoundFile[]>();
  const checkpointsOf = groupBy(checkpoints, (checkpoint) => baseName(checkpoint).toLowerCase());
  const yamlsOf = groupBy(yamls, (yaml) => baseName(yaml).toLowerCase());
  for (const yaml of yamls) {
    const key = baseName(yaml).toLowerCase();
    const fitting = checkpointsOf.get(key) ?? [];
    const [best, ...others] = nearestFirst(yaml, fitting);
    if (!best) continue;
    // A checkpoint with a matching YAML in its own root is not paired with a YAML of another root.
    if (best.root !== yaml.root && yamlsOf.get(key)?.some(({ root }) => root === best.root)) continue;
    partners.set(yaml, best);
    equals.set(
      yaml,
      others.filter((other) => isNamedBy(yaml, other) === isNamedBy(yaml, best)),
    );
  }
  const [freeYamls, freeCheckpoints] = withoutPartner(yamls, checkpoints, partners);
  for (const [yaml, checkpoint] of onlyPairs(freeYamls, freeCheckpoints, coreName)) {
    // A name like `mdx23c` fits any model of that architecture.
    if (!isArchitecture(coreName(yaml))) partners.set(yaml, checkpoint);
  }
  const taken = new Set(partners.values());
  const [lonelyYamls] = withoutPartner(yamls, checkpoints, partners);
  for (const [yaml, checkpoint] of onlyPairs(lonelyYamls, checkpoints, folderOf)) {
    if (!taken.has(checkpoint)) partners.set(yaml, checkpoint);
  }
  const [unpairedYamls, unpairedCheckpoints] = withoutPartner(yamls, checkpoints, partners);
  const notes = notesOnChoices(partners, equals, new Set(unpairedCheckpoints));
  return { pairs: nameAll(partners, notes), unpairedYamls, unpairedCheckpoints, notes };
}

/** Notes on choices that leave out a checkpoint; one that is paired with another YAML is not left out. */
function notesOnChoices(
  partners: ReadonlyMap<FoundFile, FoundFile>,
  equals: ReadonlyMap<FoundFile, readonly FoundFile[]>,
  unpaired: ReadonlySet<FoundFile>,
): string[] {
  return [...equals].flatMap(([yaml, others]) => {
    const leftOut = others.filter((other) => unpaired.has(other)).map(({ path: file }) => file);
    if (leftOut.length === 0) return [];
    const told = leftOut.slice(0, MOST_TOLD).join(', ');
    const more = leftOut.length > MOST_TOLD ? ` and ${String(leftOut.length - MOST_TOLD)} more` : '';
    const best = partners.get(yaml)?.path ?? '';
    return [
      `${yaml.path} fits ${String(leftOut.length + 1)} checkpoints; taken: ${best}; left out: ${told}${more}`,
    ];
  });
}

const folderOf = (file: FoundFile) => path.dirname(file.path);

function withoutPartner(
  yamls: readonly FoundFile[],
  checkpoints: readonly FoundFile[],
  partners: ReadonlyMap<FoundFile, FoundFile>,
): [FoundFile[], FoundFile[]] {
  const taken = new Set(partners.values());
  return [
    yamls.filter((yaml) => !partners.has(yaml)),
    checkpoints.filter((checkpoint) => !taken.has(checkpoint)),
  ];
}

/** Sorts by: the exact file the YAML is named after, same spelling, same root, same subfolder; then by path. */
function nearestFirst(yaml: FoundFile, checkpoints: readonly FoundFile[]): FoundFile[] {
  const base = baseName(yaml);
  const distance = (checkpoint: FoundFile) =>
    (isNamedBy(yaml, checkpoint) ? 0 : 8) +
    (baseName(checkpoint) === base ? 0 : 4) +
    (checkpoint.root === yaml.root ? 0 : 2) +
    (checkpoint.folder === yaml.folder ? 0 : 1);
  return [...checkpoints].sort((a, b) => distance(a) - distance(b) || byPlace(a, b));
}

/** `x.ckpt.yaml` names `x.ckpt`; MSST-WebUI writes such names. */
const isNamedBy = (yaml: FoundFile, checkpoint: FoundFile) =>
  path.parse(yaml.path).name.toLowerCase() === path.basename(checkpoint.path).toLowerCase();

/** `configs/kj/config_vocals.yaml` and `vocals.ckpt.yaml` → `vocals`. */
export function baseName(file: Pick<FoundFile, 'path'>): string {
  const { name } = path.parse(file.path);
  const bare = YAML_FILE.test(file.path) ? name.replace(CHECKPOINT_FILE, '') : name;
  return (bare === '' ? name : bare).replace(/^config_(?=.)/i, '');
}

/** The base name without common prefixes and suffixes: `model_x_ep_3_sdr_9.5` and `x-Config` → `x`. */
function coreName(file: FoundFile): string {
  return withoutSuffix(baseName(file))
    .toLowerCase()
    .replace(/^(config|model)[-_](?=.)/, '')
    .replace(/(?<=.)[-_]ep(och)?[-_]\d+(?=$|[-_])/, '')
    .replace(/(?<=.)[-_]sdr[-_]\d+(\.\d+)?$/, '');
}

const withoutSuffix = (name: string) => name.replace(/(?<=.)[-_]config$/i, '');

/** Pairs a YAML and a checkpoint with the same key if no other file has that key. */
function onlyPairs(
  yamls: readonly FoundFile[],
  checkpoints: readonly FoundFile[],
  keyOf: (file: FoundFile) => string,
): [FoundFile, FoundFile][] {
  const checkpointsOf = groupBy(checkpoints, keyOf);
  return [...groupBy(yamls, keyOf)].flatMap(([key, [yaml, ...rivals]]): [FoundFile, FoundFile][] => {
    const [checkpoint, ...more] = checkpointsOf.get(key) ?? [];
    return !yaml || !checkpoint || rivals.length + more.length > 0 ? [] : [[yaml, checkpoint]];
  });
}

function groupBy(files: readonly FoundFile[], keyOf: (file: FoundFile) => string): Map<string, FoundFile[]> {
  const groups = new Map<string, FoundFile[]>();
  for (const file of files) {
    const group = groups.get(keyOf(file));
    if (group) group.push(file);
    else groups.set(keyOf(file), [file]);
  }
  return groups;
}

function nameAll(partners: ReadonlyMap<FoundFile, FoundFile>, notes: string[]): Pair[] {
  const taken = new Set<string>();
  const pairs = [...partners].sort(([a], [b]) => depth(a) - depth(b) || byPlace(a, b));
  return pairs.map(([yaml, checkpoint]) => {
    const wanted = cleanName(nameOf(yaml, checkpoint));
    const name = freeName(wanted, yaml.folder, taken);
    if (name !== wanted) notes.push(`${yaml.path} is called "${name}": "${wanted}" is another model's name`);
    taken.add(name.toLowerCase());
    return { name, yaml, checkpoint };
  });
}

/** The YAML's name without a `-config` suffix, unless the checkpoint has it too; the checkpoint's for `config`. */
function nameOf(yaml: FoundFile, checkpoint: FoundFile): string {
  const name = baseName(yaml);
  if (name.toLowerCase() === 'config') return baseName(checkpoint);
  return name.toLowerCase() === baseName(checkpoint).toLowerCase() ? name : withoutSuffix(name);
}

/** Makes a name unique by adding its folder or a number. `taken` holds lower-case names. */
export function freeName(wanted: string, folder: string, taken: ReadonlySet<string>): string {
  const candidates = folder === '' ? [wanted] : [wanted, cleanName(`${folder}-${wanted}`)];
  const free = candidates.find((name) => !taken.has(name.toLowerCase()));
  if (free !== undefined) return free;
  let number = 2;
  const numbered = () => `${wanted.slice(0, MAX_NAME_LENGTH - 10)}-${String(number)}`;
  while (taken.has(numbered().toLowerCase())) number += 1;
  return numbered();
}

/** Makes a name safe for URLs and command lines: letters, digits, `.`, `-` and `_`; no leading dot or dash. */
export function cleanName(name: string): string {
  const cleaned = name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .slice(0, MAX_NAME_LENGTH)
    .replace(/^[.-]+|(?<!-)-+$/g, '');
  return cleaned === '' ? 'model' : cleaned;
}

const depth = (file: FoundFile) => (file.folder === '' ? 0 : file.folder.split(path.sep).length);

/** Compares by root, then by path in code units: the same order on every machine. */
function byPlace(a: FoundFile, b: FoundFile): number {
  return a.root - b.root || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}
