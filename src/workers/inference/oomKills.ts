import { readFile } from 'node:fs/promises';
import { ChildDied, KilledForMemory } from '../process/childErrors.ts';

/** Returns how many processes the kernel has killed for lack of memory so far; undefined when not available. */
export type CountOomKills = () => Promise<number | undefined>;

/**
 * Reads Linux's counter, which covers the host and every container on it (`oom_kill` in proc_vmstat(5)).
 *
 * @param file overridden only in tests
 */
export async function countOomKills(file = '/proc/vmstat'): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [, count] = /^oom_kill (\d+)$/m.exec(text) ?? [];
  return count === undefined ? undefined : Number(count);
}

/**
 * Distinguishes a worker that the kernel killed for lack of memory from one that died otherwise.
 *
 * The kernel does not say which process it killed, so a child that died of SIGKILL while the counter grew counts
 * as killed for memory.
 *
 * @throws {KilledForMemory} instead of `ChildDied` in that case; otherwise whatever `run` throws
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
