/** Caches read values until `forget` is called, which happens when a task changes. */
export interface ReadMemo {
  read<T>(key: string, read: () => T): T;
  forget(): void;
}

/** Cache limit: far more entries than are polled at a time. A task takes a few kilobytes. */
const MAX_ENTRIES = 1_000;

/**
 * Creates a memo. Polls read the same few rows many times between two changes, and reading a task takes as long as
 * the rest of the response.
 */
export function createReadMemo(): ReadMemo {
  const remembered = new Map<string, unknown>();
  return {
    read<T>(key: string, read: () => T): T {
      if (remembered.has(key)) return remembered.get(key) as T;
      const value = read();
      if (remembered.size >= MAX_ENTRIES) remembered.clear();
      // Do not cache misses: clients could fill the cache with made-up ids.
      if (value !== undefined) remembered.set(key, value);
      return value;
    },
    forget() {
      remembered.clear();
    },
  };
}
