import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type { DevicePeakStore } from '../devicePeakStore.ts';
import { devicePeaks } from './schema.ts';
import { asPromise, type Write } from './transaction.ts';

/** Stored in place of null: SQLite does not enforce uniqueness of nulls in a primary key. */
const AS_YAML = 0;

/** Creates the store in the task database. */
export function createDevicePeakStore(db: BetterSQLite3Database, write: Write): DevicePeakStore {
  return {
    all: () =>
      asPromise(() =>
        db
          .select()
          .from(devicePeaks)
          .all()
          .map((row) => ({ ...row, batchSize: row.batchSize === AS_YAML ? null : row.batchSize })),
      ),
    save: (peak) =>
      write((tx) => {
        const row = { ...peak, batchSize: peak.batchSize ?? AS_YAML };
        tx.insert(devicePeaks)
          .values(row)
          .onConflictDoUpdate({
            target: [devicePeaks.modelType, devicePeaks.device, devicePeaks.batchSize],
            set: row,
          })
          .run();
      }),
  };
}
