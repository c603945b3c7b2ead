import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import type { ProgressReport } from '../../src/tasks/progress.ts';
import type { TestServer } from './testServer.ts';

/** One call of a stand-in worker that does nothing but what the test tells it, when it tells it. */
export interface ToldCall {
  /** Its word in the plan. */
  word: string;
  report(stage: ProgressReport['stage'], done?: number, total?: number): Promise<void>;
  /** Ends it well; `says` is what its answer says otherwise than usual. */
  answer(says?: Record<string, unknown>): Promise<void>;
  /** Ends it with a failure of this kind. */
  fail(kind: string): Promise<void>;
  /** The worker dies in it. */
  die(): Promise<void>;
}

/** The call of one attempt, where all calls wait to be told. */
export function toldTask(
  { dataDir }: Pick<TestServer, 'dataDir'>,
  taskId: string,
  attempt: number,
): ToldCall {
  return callBy(path.join(dataDir, `plan.told.${taskId}.${String(attempt)}`), 'told');
}

let calls = 0;

/** Prepares one; its word is to stand in the plan before the task is there. */
export function toldCall({ dataDir }: Pick<TestServer, 'dataDir'>): ToldCall {
  calls += 1;
  const file = path.join(dataDir, `told-${String(calls)}`);
  return callBy(file, `told:${file}`);
}

function callBy(file: string, word: string): ToldCall {
  const say = (line: object) => appendFile(file, `${JSON.stringify(line)}\n`);
  return {
    word,
    report: (stage, done = 0, total = 0) => say({ stage, done, total }),
    answer: (says = {}) => say({ answer: says }),
    fail: (kind) => say({ fail: `fail:${kind}` }),
    die: () => say({ die: true }),
  };
}
