import { stat } from 'node:fs/promises';

/**
 * Returns a fingerprint that changes when a file is replaced or rewritten: inode, size and modification time. The
 * device number is left out because it may change at every boot.
 *
 * @returns null when the file does not exist or `stat` fails
 */
export async function fileVersion(file: string): Promise<string | null> {
  try {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true });
    return [ino, size, mtimeNs].join(':');
  } catch {
    return null;
  }
}
