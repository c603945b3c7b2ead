import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { BlobStore } from '../../src/blobs/blobStore.ts';
import { createLocalBlobs } from '../../src/blobs/local/localBlobs.ts';
import { createLocalWorkspace } from '../../src/blobs/local/localWorkspace.ts';
import type { Workspace } from '../../src/blobs/workspace.ts';

/** A data directory: its blobs and workspace, and what a test puts there by itself. */
export interface DataFolder extends BlobStore {
  workspace: Workspace;
  /** The absolute path of a key. */
  at(key: string): string;
  put(key: string, content?: string | Buffer): Promise<void>;
  createFolder(key: string): Promise<void>;
}

/** Opens the one below this path. */
export function openDataFolder(root: string): DataFolder {
  const at = (key: string) => path.join(root, key);
  return {
    ...createLocalBlobs(root),
    workspace: createLocalWorkspace(root),
    at,
    async put(key, content = 'x') {
      await mkdir(path.dirname(at(key)), { recursive: true });
      await writeFile(at(key), content);
    },
    async createFolder(key) {
      await mkdir(at(key), { recursive: true });
    },
  };
}
