import type { AttemptId } from '../tasks/attemptId.ts';

/**
 * The files on this machine that its workers read and write. Only what runs beside a worker sees paths; everything else
 * knows keys of the blob store.
 */
export interface Workspace {
  /** The local path of a blob. */
  localPath(key: string): Promise<string>;
  /** Creates the attempt's folders; what lay there is removed. */
  openAttempt(attempt: AttemptId): Promise<AttemptFolders>;
  /**
   * Takes the files in the attempt's stem folder into the blob store, and gives each its key.
   *
   * @throws when one is missing or has another size
   */
  publish<Stem extends { filename: string; bytes: number }>(
    attempt: AttemptId,
    stems: readonly Stem[],
  ): Promise<(Stem & { storageKey: string })[]>;
  /** Creates an empty folder for a task's staged mixture. @returns the path of the file to be written */
  openStaged(taskId: string): Promise<string>;
  /** Removes the task's staged mixture. */
  removeStaged(taskId: string): Promise<void>;
  /** Removes the attempt's scratch files. */
  removeScratch(attempt: AttemptId): Promise<void>;
  /** Removes the attempt's stems, published or not. */
  removeStems(attempt: AttemptId): Promise<void>;
  /** All scratch folders, for those who look for leftovers. */
  readonly scratch: ScratchFolders;
  /** Bytes of disk space available to this server. */
  freeBytes(): Promise<number>;
}

/** Where one attempt's worker writes, as absolute paths. */
export interface AttemptFolders {
  stems: string;
  /** For temporary files of the worker. */
  scratch: string;
}

/** The folders of temporary files. */
export interface ScratchFolders {
  list(): Promise<string[]>;
  /** The task that a folder belongs to. */
  taskOf(name: string): string;
  /** In milliseconds since the epoch; undefined when it does not exist. */
  modifiedAt(name: string): Promise<number | undefined>;
  remove(name: string): Promise<void>;
  /** Removes all of them. */
  clear(): Promise<void>;
}
