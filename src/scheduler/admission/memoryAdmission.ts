import type { Clock } from '../../clock.ts';
import { attemptKey, isLaterAttempt, type AttemptId } from '../../tasks/attemptId.ts';
import type { Task } from '../../tasks/task.ts';

/** The parts of a task that determine its host memory. */
export type SizedTask = Pick<Task, 'taskId' | 'step' | 'seq' | 'modelType' | 'options' | 'mixture'>;

/** `pass`: not now, but a younger task may overtake it. `wait`: not now, and no younger task may start. */
export type Turn = 'start' | 'pass' | 'wait';

/** Admits concurrent tasks only while their estimated memory fits into the host's. */
export interface MemoryAdmission {
  /**
   * Starts a pass over the queue. Call the result for each task in order until one is not passed. `hasRoom` checks
   * whatever else the task needs; a task waits for that in the same way.
   */
  look(): (task: SizedTask, hasRoom?: () => boolean) => Turn;
  /** The attempt is running. */
  begin(task: SizedTask & AttemptId): void;
  /** The attempt ran out of host memory: the next attempt of its step runs alone. */
  outgrew(attempt: AttemptId): void;
  /** The attempt has ended; the task's next attempt may already be running. */
  end(attempt: AttemptId): void;
}

/** After this time a waiting task is no longer overtaken, so memory becomes free for it. */
const PASSED_FOR_MS = 60_000;

/**
 * Creates the admission. A single task always runs, whatever its estimate: what could never fit is refused at submission.
 *
 * @param parts.usableBytes memory for all running tasks together
 * @param parts.estimate estimated memory of a task in bytes
 */
export function createMemoryAdmission(parts: {
  usableBytes: number;
  estimate: (task: SizedTask) => number;
  clock: Pick<Clock, 'monotonic'>;
}): MemoryAdmission {
  const { clock, usableBytes } = parts;
  const running = new Map<string, number>();
  /** The attempt of each task that ran out of memory: its step counts as taking all memory. */
  const outgrown = new Map<string, AttemptId>();
  /** When each waiting task began to wait, by its `seq`. */
  const waiting = new Map<number, number>();

  const fits = (task: SizedTask): boolean => {
    if (running.size === 0) return true;
    let taken = estimate(task);
    for (const bytes of running.values()) taken += bytes;
    return taken <= usableBytes;
  };
  const estimate = (task: SizedTask): number =>
    outgrown.get(task.taskId)?.step === task.step ? usableBytes : parts.estimate(task);

  return {
    look() {
      let isFirst = true;
      return (task, hasRoom = () => true) => {
        // Tasks older than the first candidate are no longer pending.
        if (isFirst) for (const seq of waiting.keys()) if (seq < task.seq) waiting.delete(seq);
        isFirst = false;
        if (fits(task) && hasRoom()) return 'start';
        const now = clock.monotonic();
        const since = waiting.get(task.seq) ?? now;
        waiting.set(task.seq, since);
        return now - since < PASSED_FOR_MS ? 'pass' : 'wait';
      };
    },
    begin(task) {
      waiting.delete(task.seq);
      running.set(attemptKey(task), estimate(task));
    },
    outgrew({ taskId, step, attempt }) {
      outgrown.set(taskId, { taskId, step, attempt });
    },
    end(attempt) {
      running.delete(attemptKey(attempt));
      const outgrew = outgrown.get(attempt.taskId);
      if (outgrew && isLaterAttempt(attempt, outgrew)) outgrown.delete(attempt.taskId);
    },
  };
}
