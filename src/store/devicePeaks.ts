import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { devicePeaks } from './schema.ts';
import { settle, type Write } from './transaction.ts';

/** The most memory of a device that a model was seen to take, in one batch size. */
export interface DevicePeak {
  modelType: string;
  device: string;
  /** Null: as the model's YAML says. */
  batchSize: number | null;
  /** Of the model's files: what was measured of others does not hold. */
  version: string;
  bytes: number;
  /** For mixtures up to this length; null: for any. */
  upToSeconds: number | null;
}

/** Keeps them across restarts. */
export interface DevicePeakStore {
  all(): Promise<DevicePeak[]>;
  /** In place of what was known of this model, device and batch size. */
  save(peak: DevicePeak): Promise<void>;
}

/** SQLite has no primary key over nulls. */
const AS_YAML = 0;

/** On the database of the tasks. */
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
