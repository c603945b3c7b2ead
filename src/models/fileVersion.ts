import { stat } from 'node:fs/promises';

/**
 * What changes when a file is replaced or rewritten: inode, size and time of change. Not its device: that may have
 * another number after every boot.
 *
 * @returns null: there is no such file, or it cannot be looked at.
 */
export async function fileVersion(file: string): Promise<string | null> {
  try {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true });
    return [ino, size, mtimeNs].join(':');
  } catch {
    return null;
  }
}
