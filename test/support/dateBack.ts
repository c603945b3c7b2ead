import path from 'node:path';
import Sqlite from 'better-sqlite3';

const HOUR_MS = 3_600_000;
/** Longer than anything is kept: whoever counts from another moment than the end is found out. */
const HOURS_WAITED = 1_000;
const HOURS_RUN = 500;

/** Makes ended tasks older, which waited and ran for long before their end. @param hours since the end, by task */
export function dateBack(dataDir: string, hours: ReadonlyMap<string, number>): void {
  const database = new Sqlite(path.join(dataDir, 'tasks.db'));
  try {
    const move = database.prepare(
      `UPDATE tasks SET completed_at = completed_at - @ms,
       started_at = CASE WHEN started_at IS NOT NULL THEN completed_at - @ms - @ranMs END,
       created_at = completed_at - @ms - @ranMs - @waitedMs
       WHERE task_id = @taskId AND completed_at IS NOT NULL`,
    );
    for (const [taskId, age] of hours) {
      const { changes } = move.run({
        taskId,
        ms: Math.round(age * HOUR_MS),
        ranMs: HOURS_RUN * HOUR_MS,
        waitedMs: HOURS_WAITED * HOUR_MS,
      });
      if (changes !== 1) throw new Error(`the task ${taskId} has not ended`);
    }
  } finally {
    database.close();
  }
}
