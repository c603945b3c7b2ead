import type { StageClock, StageSeconds } from './stageClock.ts';

/** The attempts running in this process, so that a cancel or delete can abort them. */
export interface RunningAttempts {
  /** Registers an attempt until `done` settles. */
  add(taskId: string, done: Promise<void>, controller: AbortController, stages: StageClock): void;
  has(taskId: string): boolean;
  /** Seconds the task's attempt has spent in each stage so far; undefined when none runs. */
  stageSeconds(taskId: string): StageSeconds | undefined;
  /** Aborts the task's attempt. @returns a promise that settles with it; undefined when none runs */
  abort(taskId: string): Promise<void> | undefined;
  /** Aborts every attempt. */
  abortAll(): void;
  /** Resolves when every attempt running now has settled. */
  settled(): Promise<void>;
}

/** Creates the register. */
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
