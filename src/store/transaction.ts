import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';

/** Runs one writing transaction; what it throws undoes it and becomes a rejection. */
export type Write = <T>(body: (tx: BetterSQLite3Database) => T) => Promise<T>;

/** The writer of a database. */
export const createWrite =
  (db: BetterSQLite3Database): Write =>
  (body) =>
    settle(() =>
      // Immediate: the write lock is taken at once, so no transaction has to be tried again half-way.
      db.transaction((tx) => body(tx as unknown as BetterSQLite3Database), { behavior: 'immediate' }),
    );

/** Runs a synchronous call so that what it throws becomes a rejection, as with a remote database. */
export function settle<T>(body: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(body());
  });
}
