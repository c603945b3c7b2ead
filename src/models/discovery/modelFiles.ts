import { opendir, realpath, stat, statfs } from 'node:fs/promises';
import path from 'node:path';

/** A YAML or checkpoint found in a model folder. */
export interface FoundFile {
  /** Absolute. */
  path: string;
  /** Index of the root or extra folder it lies in, from 0; the project comes first, extra folders last. */
  root: number;
  /** Its folder relative to `configs/` or `pretrain/`, or to the extra folder; empty: directly in it. */
  folder: string;
}

/** The files found in the model folders, not yet paired. */
export interface ModelFiles {
  yamls: FoundFile[];
  /** In the roots: those in `pretrain/` and those beside YAMLs in `configs/`. */
  checkpoints: FoundFile[];
  /** Folders that were not searched because they are too deep or a limit was reached. */
  skipped: string[];
  /** Folders that were not searched because they are on a virtual file system of the kernel. */
  unreal: string[];
}

/** Matches the extension of an MSST YAML. */
export const YAML_FILE = /\.ya?ml$/i;
/** Matches the extension of a checkpoint. */
export const CHECKPOINT_FILE = /\.(ckpt|pth|pt|th|bin|chpt|safetensors)$/i;
const MAX_DEPTH = 8;
/** Limit of directory entries per top folder, including its subfolders. */
const MAX_ENTRIES = 20_000;
/** Limit of YAMLs and checkpoints in all folders: far more than anybody has, and few enough to pair quickly. */
const MAX_FILES = 2_000;
/** Directory entries read at a time, so that a huge folder does not block the event loop. */
const ENTRIES_AT_ONCE = 128;

/** `statfs` types of Linux's virtual file systems (linux/magic.h): processes, devices, kernel settings. */
const UNREAL_FILE_SYSTEMS: readonly number[] = [
  0x9fa0, 0x62656572, 0x62656570, 0x64626720, 0x74726163, 0x27e0eb, 0x63677270, 0x73636673, 0xcafe4a11,
  0x6165676c, 0x1cd1, 0xde5e81e4, 0xf97cff8c, 0x42494e4d, 0x19800202, 0x958458f6, 0x65735543, 0x6e736673,
  0x5a3c69f0,
];
/** Checked by path: on Linux its file system type is not distinctive, and macOS has no such numbers. */
const DEVICES = '/dev';

const PASSED_OVER: readonly string[] = [
  // Installed packages: may contain thousands of files that look like models.
  '__pycache__',
  'dist-packages',
  'node_modules',
  'site-packages',
  // MSST-WebUI and UVR: VR networks, which have no YAML and are not supported by any MSST.
  'VR_Models',
];

/**
 * Lists the YAMLs and checkpoints of the roots and other folders, sorted by path. Symbolic links are followed and
 * each folder is visited once. Names starting with a dot (leftovers of editors and macOS) are skipped.
 *
 * @param roots absolute folders, of which only `configs/` and `pretrain/` are searched; missing or unreadable
 *   folders count as empty
 * @param extraDirs absolute folders that are searched completely, except that only `pretrain/` and `configs/` are
 *   searched in any folder that holds both
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

/** Finds every YAML and checkpoint below `start`, adding to `visited` (real paths) and `found`. */
async function walk(start: string, root: number, visited: Set<string>, found: ModelFiles): Promise<void> {
  const files: FoundFile[] = [];
  const pending: Pending[] = [{ folder: start, top: start, depth: 0 }];
  // Links are searched last: one may lead to a whole disk.
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
  /** The folder that `FoundFile.folder` is relative to. */
  top: string;
  depth: number;
}

const isOfModel = (file: string) => YAML_FILE.test(file) || CHECKPOINT_FILE.test(file);

/**
 * Finds the folders to search if this is the folder of an MSST or of a tool with the same layout. MSST-WebUI fills
 * `configs` at its first start from `configs_backup`, which is a copy of it from then on.
 *
 * @returns null when it is not such a folder and should be searched completely
 */
function modelFoldersAmong(names: readonly string[]): string[] | null {
  const configs = ['configs', 'configs_backup'].find((name) => names.includes(name));
  return configs !== undefined && names.includes('pretrain') ? [configs, 'pretrain'] : null;
}

/** Decides whether to search a folder: not if it is missing, already visited, or on a virtual file system. */
async function lookAt(folder: string, visited: Set<string>): Promise<'new' | 'known' | 'unreal'> {
  const real = await realpath(folder).catch(() => null);
  if (real === null || visited.has(real)) return 'known';
  visited.add(real);
  const system = await statfs(real).catch(() => null);
  const isUnreal = real === DEVICES || UNREAL_FILE_SYSTEMS.includes(system?.type ?? 0);
  return isUnreal ? 'unreal' : 'new';
}

/** @returns the entries of a folder, and how many were read: `most` + 1 when there are more than `most` */
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
    // An unreadable folder counts as empty, or as what was read so far.
  }
  return { read, shown: shown.sort(compareText), links };
}

async function kindOf(file: string): Promise<'file' | 'folder' | null> {
  const stats = await stat(file).catch(() => null);
  if (stats?.isFile()) return 'file';
  return stats?.isDirectory() ? 'folder' : null;
}

/** Compares by code units: the same order on every machine, regardless of locale. */
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
