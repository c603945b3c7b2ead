import type { Clock } from '../clock.ts';
import type { Task } from '../tasks/task.ts';

/** What of a task its memory depends on, beside its model. */
export type SizedTask = Pick<Task, 'taskId' | 'seq' | 'modelType' | 'options' | 'mixture'>;

/** One attempt of a task. */
type Attempt = Pick<Task, 'taskId' | 'attempt'>;

/** `pass`: not now, but a younger task may start before it. `wait`: not now, and none may. */
export type Turn = 'start' | 'pass' | 'wait';

/** Lets tasks run beside each other only as far as the host's memory holds all of them, by their estimates. */
export interface MemoryAdmission {
  /**
   * Begins a new look at the queue; to be asked of its tasks in their order, until one is not passed. What a task
   * needs beside the host's memory, `hasRoom` says: it waits for that in the same way.
   */
  look(): (task: SizedTask, hasRoom?: () => boolean) => Turn;
  /** This attempt of the task runs from now on. */
  begin(task: SizedTask & Attempt): void;
  /** This attempt took more than the host had: the next one of its task runs alone. */
  outgrew(task: Attempt): void;
  /** It does not run any more; the next attempt of its task may have begun already. */
  end(task: Attempt): void;
}

/** After this time a task that waits for memory is not passed any more: what runs ends, and then it has room. */
const PASSED_FOR_MS = 60_000;

/**
 * Builds it. One task alone always runs, whatever its estimate: what could never fit was refused when it came.
 *
 * @param parts.usableBytes what all that run may take together
 * @param parts.estimate bytes that a task will take
 */
export function createMemoryAdmission(parts: {
  usableBytes: number;
  estimate: (task: SizedTask) => number;
  clock: Pick<Clock, 'monotonic'>;
}): MemoryAdmission {
  const { clock, usableBytes } = parts;
  const running = new Map<string, number>();
  /** Tasks that take all there is, whatever their estimate says, by the attempt that showed it. */
  const outgrown = new Map<string, number>();
  /** Since when a task waits for memory, by its place in the queue. */
  const waiting = new Map<number, number>();

  const fits = (task: SizedTask): boolean => {
    if (running.size === 0) return true;
    let taken = estimate(task);
    for (const bytes of running.values()) taken += bytes;
    return taken <= usableBytes;
  };
  const estimate = (task: SizedTask): number =>
    outgrown.has(task.taskId) ? usableBytes : parts.estimate(task);

  return {
    look() {
      let isFirst = true;
      return (task, hasRoom = () => true) => {
        // Whatever stood before the oldest one does not wait any more.
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
      running.set(keyOf(task), estimate(task));
    },
    outgrew({ taskId, attempt }) {
      outgrown.set(taskId, attempt);
    },
    end(task) {
      running.delete(keyOf(task));
      if (task.attempt > (outgrown.get(task.taskId) ?? Infinity)) outgrown.delete(task.taskId);
    },
  };
}

const keyOf = ({ taskId, attempt }: Attempt) => `${taskId} ${String(attempt)}`;
