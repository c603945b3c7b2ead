/** Remembers what was read until a task changes. */
export interface ReadMemo {
  read<T>(key: string, read: () => T): T;
  forget(): void;
}

/** Far more than are polled at a time; a task is some kilobytes. */
const MAX_ENTRIES = 1_000;

/**
 * Builds one: polls ask for the same few rows many times between two changes, and reading a task anew takes as long as
 * the rest of its answer.
 */
export function createReadMemo(): ReadMemo {
  const remembered = new Map<string, unknown>();
  return {
    read<T>(key: string, read: () => T): T {
      if (remembered.has(key)) return remembered.get(key) as T;
      const value = read();
      if (remembered.size >= MAX_ENTRIES) remembered.clear();
      // Names of what is not there are anybody's to make up.
      if (value !== undefined) remembered.set(key, value);
      return value;
    },
    forget() {
      remembered.clear();
    },
  };
}
