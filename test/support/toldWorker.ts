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
}

let calls = 0;

/** Prepares one; its word is to stand in the plan before the task is there. */
export function toldCall({ dataDir }: Pick<TestServer, 'dataDir'>): ToldCall {
  calls += 1;
  const file = path.join(dataDir, `told-${String(calls)}`);
  const say = (line: object) => appendFile(file, `${JSON.stringify(line)}\n`);
  return {
    word: `told:${file}`,
    report: (stage, done = 0, total = 0) => say({ stage, done, total }),
    answer: (says = {}) => say({ answer: says }),
    fail: (kind) => say({ fail: `fail:${kind}` }),
  };
}
