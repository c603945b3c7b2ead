import type { StageClock, StageSeconds } from './stageClock.ts';

/** The attempts that compute now, so that a cancel or a delete can reach them. */
export interface RunningAttempts {
  /** Notes an attempt for as long as `done` is open; its signal tells it to stop. */
  add(taskId: string, done: Promise<void>, controller: AbortController, stages: StageClock): void;
  has(taskId: string): boolean;
  /** How long the task's attempt has been in each stage so far; undefined when none runs. */
  stageSeconds(taskId: string): StageSeconds | undefined;
  /** Tells the task's attempt to stop. @returns a promise of its end, or undefined when none runs. */
  abort(taskId: string): Promise<void> | undefined;
  /** Tells every attempt to stop. */
  abortAll(): void;
  /** The end of everything that runs now. */
  settled(): Promise<void>;
}

/** Builds the register. */
export function createRunningAttempts(): RunningAttempts {
  const running = new Map<string, { controller: AbortController; done: Promise<void>; stages: StageClock }>();
  return {
    add(taskId, done, controller, stages) {
      const entry = { controller, done, stages };
      running.set(taskId, entry);
      const forget = () => {
        if (running.get(taskId) === entry) running.delete(taskId);
      };
      done.then(forget, forget);
    },
    has: (taskId) => running.has(taskId),
    stageSeconds: (taskId) => running.get(taskId)?.stages.read().stageSeconds,
    abort(taskId) {
      const entry = running.get(taskId);
      entry?.controller.abort();
      return entry?.done;
    },
    abortAll() {
      for (const { controller } of running.values()) controller.abort();
    },
    async settled() {
      await Promise.allSettled([...running.values()].map((entry) => entry.done));
    },
  };
}
