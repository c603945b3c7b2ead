import { accessSync, constants, statSync } from 'node:fs';

/** Describes, in sentences, the folders of `extra_model_dirs` that are missing or unreadable. */
export function describeLackingFolders(given: Record<string, unknown>): string[] {
  const folders: unknown = given['extra_model_dirs'];
  if (!Array.isArray(folders)) return [];
  return folders.flatMap((folder: unknown, index) => {
    if (typeof folder !== 'string' || folder === '' || isReadableFolder(folder)) return [];
    return [
      `extra_model_dirs.${String(index)}: ${JSON.stringify(folder)} is not valid, allowed: an existing, readable folder`,
    ];
  });
}

function isReadableFolder(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
    return statSync(folder).isDirectory();
  } catch {
    return false;
  }
}
