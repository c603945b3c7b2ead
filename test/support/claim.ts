import type { Candidate, ClaimingWorker, TaskQueue } from '../../src/queue/taskQueue.ts';
import type { Task } from '../../src/tasks/task.ts';

/** Until when the attempts of `claim` have their tasks: longer than any test lasts. */
export const LEASE_UNTIL = 9e15;

/**
 * Claims the first task that may start, of those that a test wants.
 *
 * @param isWanted of all candidates
 * @returns undefined where there is none
 */
export async function claim(
  queue: Pick<TaskQueue, 'candidates' | 'claim'>,
  worker: ClaimingWorker = { id: 'worker-0', device: 'cpu' },
  isWanted: (candidate: Candidate) => boolean = () => true,
): Promise<Task | undefined> {
  for (const candidate of await queue.candidates({ limit: 1_000 })) {
    const claimed = isWanted(candidate) ? await queue.claim(candidate.task, worker, LEASE_UNTIL) : undefined;
    // Somebody else may have been faster.
    if (claimed) return claimed;
  }
  return undefined;
}
