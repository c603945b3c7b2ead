import { readdir, realpath, stat } from 'node:fs/promises';
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
  /** Folders that were not looked into, since they are too deep or too full. */
  skipped: string[];
}

/** How the name of an MSST YAML ends. */
export const YAML_FILE = /\.ya?ml$/i;
/** How the name of a checkpoint ends. */
export const CHECKPOINT_FILE = /\.(ckpt|pth|pt|th|bin|chpt|safetensors)$/i;
const MAX_DEPTH = 8;
const MAX_ENTRIES = 20_000;

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
  const found: ModelFiles = { yamls: [], checkpoints: [], skipped: [] };
  const visited = new Set<string>();
  const tops = [
    ...roots.flatMap((folder, root) => [
      { root, folder: path.join(folder, 'configs') },
      { root, folder: path.join(folder, 'pretrain') },
    ]),
    ...extraDirs.map((folder, index) => ({ root: roots.length + index, folder })),
  ];
  for (const top of tops) {
    const files = await walk(top.folder, top.root, visited, found.skipped);
    found.yamls.push(...files.filter((file) => YAML_FILE.test(file.path)));
    found.checkpoints.push(...files.filter((file) => CHECKPOINT_FILE.test(file.path)));
  }
  return found;
}

/** @returns every file below `start`; `visited` (real paths) and `skipped` grow. */
async function walk(
  start: string,
  root: number,
  visited: Set<string>,
  skipped: string[],
): Promise<FoundFile[]> {
  const files: FoundFile[] = [];
  const pending = [{ folder: start, top: start, depth: 0 }];
  let entries = 0;
  for (let next = pending.shift(); next; next = pending.shift()) {
    const { folder, top, depth } = next;
    if (!(await isNew(folder, visited))) continue;
    const names = await namesIn(folder);
    entries += names.length;
    if (depth > MAX_DEPTH || entries > MAX_ENTRIES) {
      skipped.push(folder);
      continue;
    }
    const own = modelFoldersAmong(names);
    for (const name of own ?? names) {
      const full = path.join(folder, name);
      const kind = await kindOf(full);
      if (kind === 'file') files.push({ path: full, root, folder: path.relative(top, folder) });
      if (kind === 'folder') pending.push({ folder: full, top: own ? full : top, depth: depth + 1 });
    }
  }
  return files.sort((a, b) => compareText(a.path, b.path));
}

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

async function isNew(folder: string, visited: Set<string>): Promise<boolean> {
  const real = await realpath(folder).catch(() => null);
  if (real === null || visited.has(real)) return false;
  visited.add(real);
  return true;
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => !name.startsWith('.') && !PASSED_OVER.includes(name));
}

async function kindOf(file: string): Promise<'file' | 'folder' | null> {
  const stats = await stat(file).catch(() => null);
  if (stats?.isFile()) return 'file';
  return stats?.isDirectory() ? 'folder' : null;
}

/** By code units: the same order on every machine, whatever its language. */
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
