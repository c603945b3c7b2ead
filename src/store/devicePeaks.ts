import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { devicePeaks } from './schema.ts';
import { settle, type Write } from './transaction.ts';

/** Peak device memory measured for a model at one batch size. */
export interface DevicePeak {
  modelType: string;
  device: string;
  /** Null: the batch size of the model's YAML. */
  batchSize: number | null;
  /** The model's version; a measurement does not apply to any other version. */
  version: string;
  bytes: number;
  /** The measurement holds for mixtures up to this length; null: for any length. */
  upToSeconds: number | null;
}

/** Stores measured peaks across restarts. */
export interface DevicePeakStore {
  all(): Promise<DevicePeak[]>;
  /** Replaces the stored peak of this model, device and batch size. */
  save(peak: DevicePeak): Promise<void>;
}

/** Stored in place of null: SQLite does not enforce uniqueness of nulls in a primary key. */
const AS_YAML = 0;

/** Creates the store in the task database. */
export function createDevicePeakStore(db: BetterSQLite3Database, write: Write): DevicePeakStore {
  return {
    all: () =>
      settle(() =>
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
