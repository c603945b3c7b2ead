import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';

/** Runs one writing transaction. An exception rolls it back and becomes a rejection. */
export type Write = <T>(body: (tx: BetterSQLite3Database) => T) => Promise<T>;

/** Creates the `Write` function of a database. */
export const createWrite =
  (db: BetterSQLite3Database): Write =>
  (body) =>
    asPromise(() =>
      // Immediate: takes the write lock up front, so a transaction never has to be retried half-way.
      db.transaction((tx) => body(tx as unknown as BetterSQLite3Database), { behavior: 'immediate' }),
    );

/** Runs a synchronous call and turns an exception into a rejection, as an asynchronous driver would. */
export function asPromise<T>(body: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(body());
  });
}
