import { readFile } from 'node:fs/promises';
import { ChildDied, KilledForMemory } from './childErrors.ts';

/** Says how many processes the kernel has ended so far because memory ran out; undefined: it does not tell. */
export type CountOomKills = () => Promise<number | undefined>;

/**
 * Reads Linux's own count, which covers the host and every container on it (`oom_kill` in proc_vmstat(5)).
 *
 * @param file another one in tests only
 */
export async function countOomKills(file = '/proc/vmstat'): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [, count] = /^oom_kill (\d+)$/m.exec(text) ?? [];
  return count === undefined ? undefined : Number(count);
}

/**
 * Tells a worker that the kernel killed for want of memory from one that died otherwise.
 *
 * The kernel does not say whom it killed: a SIGKILL that nobody here sent, while its count grew, is taken for it.
 *
 * @throws {KilledForMemory} instead of `ChildDied` then; else what `run` throws
 */
export async function tellOomKill<Result>(count: CountOomKills, run: () => Promise<Result>): Promise<Result> {
  const before = await count();
  try {
    return await run();
  } catch (error) {
    if (before === undefined || !(error instanceof ChildDied) || error.exit.signal !== 'SIGKILL') throw error;
    throw ((await count()) ?? before) > before ? new KilledForMemory(error) : error;
  }
}
