import { stat } from 'node:fs/promises';

/**
 * What changes when a file is replaced or rewritten: device, inode, size and time of change.
 *
 * @returns null: there is no such file, or it cannot be looked at.
 */
export async function fileVersion(file: string): Promise<string | null> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs].join(':');
  } catch {
    return null;
  }
}
