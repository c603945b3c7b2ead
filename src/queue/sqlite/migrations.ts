import { readFileSync } from 'node:fs';
import path from 'node:path';
import type Sqlite from 'better-sqlite3';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { DataDirUnusable } from '../../dataDir/dataDir.ts';

/** The database was migrated by a newer server, so this one cannot use it safely. */
export class NewerDatabase extends DataDirUnusable {
  override readonly name = 'NewerDatabase';
}

/**
 * Migrates the tables to the schema of this server.
 *
 * @param folder the folder of SQL migrations
 * @throws {NewerDatabase} when the database holds an unknown migration, which Drizzle would ignore
 */
export function applyMigrations(sqlite: Sqlite.Database, orm: BetterSQLite3Database, folder: string): void {
  const known = knownMigrations(folder);
  const unknown = appliedMigrations(sqlite).filter((when) => !known.has(when));
  if (unknown.length > 0) {
    throw new NewerDatabase(
      `The queue in ${path.dirname(sqlite.name)} was last used by a newer msst-serve, with changes that this version does not know (${String(unknown.length)} migrations). Start the newer version, or use another data_dir.`,
    );
  }
  migrate(orm, { migrationsFolder: folder });
}

/** The timestamps by which Drizzle identifies migrations. */
function knownMigrations(folder: string): Set<number> {
  const journal = JSON.parse(readFileSync(path.join(folder, 'meta/_journal.json'), 'utf8')) as {
    entries: { when: number }[];
  };
  return new Set(journal.entries.map(({ when }) => when));
}

function appliedMigrations(sqlite: Sqlite.Database): number[] {
  const table = sqlite.prepare("SELECT 1 FROM sqlite_master WHERE name = '__drizzle_migrations'").get();
  if (table === undefined) return [];
  return sqlite.prepare<[], number>('SELECT created_at FROM __drizzle_migrations').pluck().all();
}
