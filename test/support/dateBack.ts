import path from 'node:path';
import Sqlite from 'better-sqlite3';

const HOUR_MS = 3_600_000;

/** Makes ended tasks older, in the database of a server that has stopped. @param hours by task */
export function dateBack(dataDir: string, hours: ReadonlyMap<string, number>): void {
  const database = new Sqlite(path.join(dataDir, 'tasks.db'));
  try {
    const move = database.prepare(
      `UPDATE tasks SET created_at = created_at - @ms, started_at = started_at - @ms, completed_at = completed_at - @ms
       WHERE task_id = @taskId AND completed_at IS NOT NULL`,
    );
    for (const [taskId, age] of hours) {
      const { changes } = move.run({ taskId, ms: Math.round(age * HOUR_MS) });
      if (changes !== 1) throw new Error(`the task ${taskId} has not ended`);
    }
  } finally {
    database.close();
  }
}
