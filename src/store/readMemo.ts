/** Remembers what was read until something is written to the database. */
export type ReadMemo = <T>(key: string, read: () => T) => T;

/** Far more than are polled at a time; a task is some kilobytes. */
const MAX_ENTRIES = 1_000;

/**
 * Builds one: polls ask for the same few rows many times between two writes, and reading a task anew takes as long as
 * the rest of its answer.
 *
 * @param revision another value after every write
 */
export function createReadMemo(revision: () => number): ReadMemo {
  const remembered = new Map<string, unknown>();
  let readAt = NaN;
  return <T>(key: string, read: () => T): T => {
    const now = revision();
    if (now !== readAt || remembered.size >= MAX_ENTRIES) remembered.clear();
    readAt = now;
    if (remembered.has(key)) return remembered.get(key) as T;
    const value = read();
    // Names of what is not there are anybody's to make up.
    if (value !== undefined) remembered.set(key, value);
    return value;
  };
}
