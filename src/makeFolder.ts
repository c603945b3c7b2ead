import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';

/**
 * Makes a folder and those above it that are missing. Not by Node's recursive `mkdir`: that never ends where a parent
 * is there and nothing can be made in it, as in /proc.
 *
 * @param mode of each that is made, less the umask
 * @returns whether anything was made
 * @throws what making one throws
 */
export function makeFolder(folder: string, mode = 0o777): boolean {
  const missing: string[] = [];
  for (let at = path.resolve(folder); !existsSync(at); at = path.dirname(at)) missing.unshift(at);
  for (const each of missing) mkdirSync(each, { mode });
  // Fails where what is there is no folder.
  if (missing.length === 0) mkdirSync(folder, { recursive: true });
  return missing.length > 0;
}
