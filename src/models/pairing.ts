import path from 'node:path';
import type { FoundFile } from './modelFiles.ts';

/** One YAML with the checkpoint that belongs to it. */
export interface Pair {
  /** `[A-Za-z0-9._-]+`, unique without regard to case. */
  name: string;
  yaml: FoundFile;
  checkpoint: FoundFile;
}

/** Which YAML belongs to which checkpoint, and what is left over. */
export interface Pairing {
  pairs: Pair[];
  unpairedYamls: FoundFile[];
  unpairedCheckpoints: FoundFile[];
  /** Sentences about choices that were not clear; they name files. */
  notes: string[];
}

const MAX_NAME_LENGTH = 100;

/**
 * Pairs each YAML with the checkpoint of the same base name (a leading `config_` does not count), else with the
 * only checkpoint of its own folder. The outcome depends on the files alone, not on the order they are given in.
 */
export function pairModels(yamls: readonly FoundFile[], checkpoints: readonly FoundFile[]): Pairing {
  const notes: string[] = [];
  const partners = new Map<FoundFile, FoundFile>();
  for (const yaml of yamls) {
    const [best, ...others] = sameBaseName(yaml, checkpoints);
    if (!best) continue;
    partners.set(yaml, best);
    if (others.length > 0) {
      notes.push(`${yaml.path} fits ${String(others.length + 1)} checkpoints; taken: ${best.path}`);
    }
  }
  for (const [yaml, checkpoint] of onlyOnesOfTheirFolder(yamls, checkpoints, partners)) {
    partners.set(yaml, checkpoint);
  }
  const used = new Set(partners.values());
  return {
    pairs: nameAll(partners, notes),
    unpairedYamls: yamls.filter((yaml) => !partners.has(yaml)),
    unpairedCheckpoints: checkpoints.filter((checkpoint) => !used.has(checkpoint)),
    notes,
  };
}

/** Best first: the same spelling, then the same root, then the same subfolder, then by path. */
function sameBaseName(yaml: FoundFile, checkpoints: readonly FoundFile[]): FoundFile[] {
  const base = baseName(yaml);
  const distance = (checkpoint: FoundFile) =>
    (baseName(checkpoint) === base ? 0 : 4) +
    (checkpoint.root === yaml.root ? 0 : 2) +
    (checkpoint.folder === yaml.folder ? 0 : 1);
  return checkpoints
    .filter((checkpoint) => baseName(checkpoint).toLowerCase() === base.toLowerCase())
    .sort((a, b) => distance(a) - distance(b) || byPlace(a, b));
}

/** `configs/kj/config_vocals.yaml` → `vocals`. */
export function baseName(file: Pick<FoundFile, 'path'>): string {
  return path.parse(file.path).name.replace(/^config_(?=.)/i, '');
}

function onlyOnesOfTheirFolder(
  yamls: readonly FoundFile[],
  checkpoints: readonly FoundFile[],
  partners: ReadonlyMap<FoundFile, FoundFile>,
): [FoundFile, FoundFile][] {
  const taken = new Set(partners.values());
  const inFolder = (file: FoundFile) => (other: FoundFile) =>
    path.dirname(other.path) === path.dirname(file.path);
  return yamls
    .filter((yaml) => !partners.has(yaml))
    .flatMap((yaml): [FoundFile, FoundFile][] => {
      const [checkpoint, ...more] = checkpoints.filter(inFolder(yaml));
      const rivals = yamls.filter((other) => other !== yaml && !partners.has(other)).some(inFolder(yaml));
      if (!checkpoint || more.length > 0 || rivals || taken.has(checkpoint)) return [];
      return [[yaml, checkpoint]];
    });
}

function nameAll(partners: ReadonlyMap<FoundFile, FoundFile>, notes: string[]): Pair[] {
  const taken = new Set<string>();
  const pairs = [...partners].sort(([a], [b]) => depth(a) - depth(b) || byPlace(a, b));
  return pairs.map(([yaml, checkpoint]) => {
    const wanted = cleanName(baseName(yaml));
    const name = freeName(wanted, yaml.folder, taken);
    if (name !== wanted) notes.push(`${yaml.path} is called "${name}": "${wanted}" is another model's name`);
    taken.add(name.toLowerCase());
    return { name, yaml, checkpoint };
  });
}

function freeName(wanted: string, folder: string, taken: ReadonlySet<string>): string {
  const candidates = folder === '' ? [wanted] : [wanted, cleanName(`${folder}-${wanted}`)];
  const free = candidates.find((name) => !taken.has(name.toLowerCase()));
  if (free !== undefined) return free;
  let number = 2;
  const numbered = () => `${wanted.slice(0, MAX_NAME_LENGTH - 10)}-${String(number)}`;
  while (taken.has(numbered().toLowerCase())) number += 1;
  return numbered();
}

/** What may stand in a URL and on a command line: letters, digits, dot, dash and underscore, no dot in front. */
export function cleanName(name: string): string {
  const cleaned = name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .slice(0, MAX_NAME_LENGTH)
    .replace(/^[.-]+|(?<!-)-+$/g, '');
  return cleaned === '' ? 'model' : cleaned;
}

const depth = (file: FoundFile) => (file.folder === '' ? 0 : file.folder.split(path.sep).length);

/** By root, then by path in code units: the same on every machine. */
function byPlace(a: FoundFile, b: FoundFile): number {
  return a.root - b.root || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}
