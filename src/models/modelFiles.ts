import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

/** A file under `configs/` or `pretrain/` of one of the roots. */
export interface FoundFile {
  /** Absolute. */
  path: string;
  /** Which root it lies in, counted from 0; the project comes first. */
  root: number;
  /** Its folder below `configs/` or `pretrain/`; empty: directly in it. */
  folder: string;
}

/** What lies where MSST keeps its models, not yet paired. */
export interface ModelFiles {
  yamls: FoundFile[];
  /** Of `pretrain/`, and those that lie beside YAMLs in `configs/`. */
  checkpoints: FoundFile[];
  /** Folders that were not looked into, since they are too deep or too full. */
  skipped: string[];
}

const YAML_FILE = /\.ya?ml$/i;
const CHECKPOINT_FILE = /\.(ckpt|pth|pt|th|bin|chpt|safetensors)$/i;
const MAX_DEPTH = 8;
const MAX_ENTRIES = 20_000;

/**
 * Lists the YAMLs and checkpoints of the roots, sorted by path. Symbolic links are followed, each folder is
 * visited once; names that begin with a dot (editors' and macOS's leavings) are passed over.
 *
 * @param roots absolute folders; what is missing or unreadable counts as empty.
 */
export async function findModelFiles(roots: readonly string[]): Promise<ModelFiles> {
  const found: ModelFiles = { yamls: [], checkpoints: [], skipped: [] };
  const visited = new Set<string>();
  for (const [root, rootPath] of roots.entries()) {
    const configs = await walk(path.join(rootPath, 'configs'), root, visited, found.skipped);
    const pretrain = await walk(path.join(rootPath, 'pretrain'), root, visited, found.skipped);
    found.yamls.push(...configs.filter((file) => YAML_FILE.test(file.path)));
    found.checkpoints.push(...[...configs, ...pretrain].filter((file) => CHECKPOINT_FILE.test(file.path)));
  }
  return found;
}

/** @returns every file below `top`; `visited` (real paths) and `skipped` grow. */
async function walk(
  top: string,
  root: number,
  visited: Set<string>,
  skipped: string[],
): Promise<FoundFile[]> {
  const files: FoundFile[] = [];
  const pending = [{ folder: top, depth: 0 }];
  let entries = 0;
  for (let next = pending.shift(); next; next = pending.shift()) {
    const { folder, depth } = next;
    if (!(await isNew(folder, visited))) continue;
    const names = await namesIn(folder);
    entries += names.length;
    if (depth > MAX_DEPTH || entries > MAX_ENTRIES) {
      skipped.push(folder);
      continue;
    }
    for (const name of names) {
      const full = path.join(folder, name);
      const kind = await kindOf(full);
      if (kind === 'file') files.push({ path: full, root, folder: path.relative(top, folder) });
      if (kind === 'folder') pending.push({ folder: full, depth: depth + 1 });
    }
  }
  return files.sort((a, b) => compareText(a.path, b.path));
}

async function isNew(folder: string, visited: Set<string>): Promise<boolean> {
  const real = await realpath(folder).catch(() => null);
  if (real === null || visited.has(real)) return false;
  visited.add(real);
  return true;
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => !name.startsWith('.'));
}

async function kindOf(file: string): Promise<'file' | 'folder' | null> {
  const stats = await stat(file).catch(() => null);
  if (stats?.isFile()) return 'file';
  return stats?.isDirectory() ? 'folder' : null;
}

/** By code units: the same order on every machine, whatever its language. */
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
