import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';

/**
 * Creates a folder and its missing parents. Does not use Node's recursive `mkdir`, which loops forever when a
 * parent exists but nothing can be created in it, as in /proc.
 *
 * @param mode mode of each created folder, before the umask
 * @returns whether any folder was created
 * @throws what `mkdir` throws
 */
export function makeFolder(folder: string, mode = 0o777): boolean {
  const missing: string[] = [];
  for (let at = path.resolve(folder); !existsSync(at); at = path.dirname(at)) missing.unshift(at);
  for (const each of missing) mkdirSync(each, { mode });
  // Throws if the existing path is not a folder.
  if (missing.length === 0) mkdirSync(folder, { recursive: true });
  return missing.length > 0;
}
