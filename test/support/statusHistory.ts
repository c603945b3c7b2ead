import path from 'node:path';
import Database from 'better-sqlite3';
import type { TaskStatus } from '../../src/tasks/taskState.ts';

/** Every status that any task of a server has had since it was watched. */
export interface StatusHistory {
  /** In their order, each as often as it was entered. */
  of(taskId: string): TaskStatus[];
  /** Which of these tasks began to be processed, in that order, each as often as it did. */
  starts(taskIds: readonly string[]): string[];
  close(): void;
}

/** Lets the database of a running server itself note every change of a status: none is too short to be seen. */
export function watchStatuses(dataDir: string): StatusHistory {
  const database = new Database(path.join(dataDir, 'tasks.db'));
  database.exec(`
    CREATE TABLE seen_statuses (n INTEGER PRIMARY KEY, task_id TEXT, status TEXT);
    CREATE TRIGGER task_came AFTER INSERT ON tasks BEGIN
      INSERT INTO seen_statuses (task_id, status) VALUES (NEW.task_id, NEW.status);
    END;
    CREATE TRIGGER task_moved AFTER UPDATE OF status ON tasks WHEN NEW.status IS NOT OLD.status BEGIN
      INSERT INTO seen_statuses (task_id, status) VALUES (NEW.task_id, NEW.status);
    END;
  `);
  const select = database.prepare<[string], TaskStatus>(
    'SELECT status FROM seen_statuses WHERE task_id = ? ORDER BY n',
  );
  const selectStarts = database.prepare<[], string>(
    "SELECT task_id FROM seen_statuses WHERE status = 'processing' ORDER BY n",
  );
  return {
    starts: (taskIds) =>
      selectStarts
        .pluck()
        .all()
        .filter((taskId) => taskIds.includes(taskId)),
    of: (taskId) => select.pluck().all(taskId),
    close() {
      database.close();
    },
  };
}
