import { opendir, realpath, stat, statfs } from 'node:fs/promises';
import path from 'node:path';

/** A YAML or a checkpoint that lies where models are looked for. */
export interface FoundFile {
  /** Absolute. */
  path: string;
  /** Which root or extra folder it lies in, counted from 0; the project comes first, the extra folders last. */
  root: number;
  /** Its folder below `configs/` or `pretrain/`, or below the extra folder; empty: directly in it. */
  folder: string;
}

/** What lies where models are looked for, not yet paired. */
export interface ModelFiles {
  yamls: FoundFile[];
  /** Of the roots, those in `pretrain/` and those that lie beside YAMLs in `configs/`. */
  checkpoints: FoundFile[];
  /** Folders that were not looked into, since they are too deep or what they lie in is too full. */
  skipped: string[];
  /** Folders that were not looked into, since no files lie there: the kernel makes them up. */
  unreal: string[];
}

/** How the name of an MSST YAML ends. */
export const YAML_FILE = /\.ya?ml$/i;
/** How the name of a checkpoint ends. */
export const CHECKPOINT_FILE = /\.(ckpt|pth|pt|th|bin|chpt|safetensors)$/i;
const MAX_DEPTH = 8;
/** Of each folder that is named, with all below it. */
const MAX_ENTRIES = 20_000;
/** YAMLs and checkpoints of all of them together: far more than anybody has, and few enough to be paired at once. */
const MAX_FILES = 2_000;
/** Of one folder read at a time, so that an endless one keeps nobody from the event loop. */
const ENTRIES_AT_ONCE = 128;

/** What `statfs` calls the file systems of Linux that hold no files (linux/magic.h): of processes, devices, settings. */
const UNREAL_FILE_SYSTEMS: readonly number[] = [
  0x9fa0, 0x62656572, 0x62656570, 0x64626720, 0x74726163, 0x27e0eb, 0x63677270, 0x73636673, 0xcafe4a11,
  0x6165676c, 0x1cd1, 0xde5e81e4, 0xf97cff8c, 0x42494e4d, 0x19800202, 0x958458f6, 0x65735543, 0x6e736673,
  0x5a3c69f0,
];
/** Where devices lie. On Linux its file system is told by nothing else, and on macOS by no number. */
const DEVICES = '/dev';

const PASSED_OVER: readonly string[] = [
  // Of programs: thousands of files may look like models there.
  '__pycache__',
  'dist-packages',
  'node_modules',
  'site-packages',
  // Of MSST-WebUI and UVR: networks of another kind, which have no YAML and which no MSST has.
  'VR_Models',
];

/**
 * Lists the YAMLs and checkpoints of the roots and of other folders, sorted by path. Symbolic links are followed,
 * each folder is visited once; names that begin with a dot (editors' and macOS's leavings) are passed over.
 *
 * @param roots absolute folders, of which only `configs/` and `pretrain/` are looked into; what is missing or
 *   unreadable counts as empty.
 * @param extraDirs absolute folders that are looked into wholly; where one of them, or a folder below, holds
 *   `pretrain/` and `configs/` itself, only these two of it.
 */
export async function findModelFiles(
  roots: readonly string[],
  extraDirs: readonly string[] = [],
): Promise<ModelFiles> {
  const found: ModelFiles = { yamls: [], checkpoints: [], skipped: [], unreal: [] };
  const visited = new Set<string>();
  const tops = [
    ...roots.flatMap((folder, root) => [
      { root, folder: path.join(folder, 'configs') },
      { root, folder: path.join(folder, 'pretrain') },
    ]),
    ...extraDirs.map((folder, index) => ({ root: roots.length + index, folder })),
  ];
  for (const top of tops) await walk(top.folder, top.root, visited, found);
  return found;
}

/** Finds every YAML and checkpoint below `start`; `visited` (real paths) and `found` grow. */
async function walk(start: string, root: number, visited: Set<string>, found: ModelFiles): Promise<void> {
  const files: FoundFile[] = [];
  const pending: Pending[] = [{ folder: start, top: start, depth: 0 }];
  // After all that lies here itself: a link may lead to a whole disk.
  const linked: Pending[] = [];
  const isFull = () => files.length + found.yamls.length + found.checkpoints.length >= MAX_FILES;
  let left = MAX_ENTRIES;
  for (let next = pending.shift(); next; next = pending.shift() ?? linked.shift()) {
    const { folder, top, depth } = next;
    const place = await lookAt(folder, visited);
    if (place === 'unreal') found.unreal.push(folder);
    if (place !== 'new') continue;
    const names = depth > MAX_DEPTH || left <= 0 || isFull() ? null : await namesIn(folder, left);
    left -= names?.read ?? 0;
    if (names === null || left < 0) {
      found.skipped.push(folder);
      continue;
    }
    const own = modelFoldersAmong(names.shown);
    for (const name of own ?? names.shown) {
      const full = path.join(folder, name);
      const kind = await kindOf(full);
      if (kind === 'file' && isOfModel(full)) {
        files.push({ path: full, root, folder: path.relative(top, folder) });
      }
      if (kind !== 'folder') continue;
      const isLink = names.links.has(name);
      (isLink ? linked : pending).push({ folder: full, top: own ? full : top, depth: depth + 1 });
    }
  }
  files.sort((a, b) => compareText(a.path, b.path));
  found.yamls.push(...files.filter((file) => YAML_FILE.test(file.path)));
  found.checkpoints.push(...files.filter((file) => CHECKPOINT_FILE.test(file.path)));
}

interface Pending {
  folder: string;
  /** That which `FoundFile.folder` counts from. */
  top: string;
  depth: number;
}

const isOfModel = (file: string) => YAML_FILE.test(file) || CHECKPOINT_FILE.test(file);

/**
 * What to look into in the folder of an MSST or of a tool that keeps its models as MSST does. MSST-WebUI fills
 * `configs` at its first start from `configs_backup`, which is a copy of it from then on.
 *
 * @returns null: it is none, all of it counts.
 */
function modelFoldersAmong(names: readonly string[]): string[] | null {
  const configs = ['configs', 'configs_backup'].find((name) => names.includes(name));
  return configs !== undefined && names.includes('pretrain') ? [configs, 'pretrain'] : null;
}

/** Whether to look into a folder: not again, not where there is none, and not where no files are. */
async function lookAt(folder: string, visited: Set<string>): Promise<'new' | 'known' | 'unreal'> {
  const real = await realpath(folder).catch(() => null);
  if (real === null || visited.has(real)) return 'known';
  visited.add(real);
  const system = await statfs(real).catch(() => null);
  const isUnreal = real === DEVICES || UNREAL_FILE_SYSTEMS.includes(system?.type ?? 0);
  return isUnreal ? 'unreal' : 'new';
}

/** @returns what is in a folder; how many entries were read, one more than `most` where there are more */
async function namesIn(folder: string, most: number) {
  const shown: string[] = [];
  const links = new Set<string>();
  let read = 0;
  try {
    for await (const entry of await opendir(folder, { bufferSize: ENTRIES_AT_ONCE })) {
      read += 1;
      if (read > most) break;
      if (entry.name.startsWith('.') || PASSED_OVER.includes(entry.name)) continue;
      shown.push(entry.name);
      if (entry.isSymbolicLink()) links.add(entry.name);
    }
  } catch {
    // What cannot be read is empty, or what was read of it so far.
  }
  return { read, shown: shown.sort(compareText), links };
}

async function kindOf(file: string): Promise<'file' | 'folder' | null> {
  const stats = await stat(file).catch(() => null);
  if (stats?.isFile()) return 'file';
  return stats?.isDirectory() ? 'folder' : null;
}

/** By code units: the same order on every machine, whatever its language. */
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
