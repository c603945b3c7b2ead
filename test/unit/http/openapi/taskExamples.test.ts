/** The examples of tasks are what the server would answer of such tasks. */
import { expect, test } from 'vitest';
import { taskExamples } from '../../../../src/http/openapi/examples.ts';
import { taskToWire } from '../../../../src/http/openapi/wire.ts';
import type { Task } from '../../../../src/tasks/task.ts';
import { createTaskViews } from '../../../../src/service/taskView.ts';
import { newMixture, runningTask } from '../../../support/newTask.ts';

const at = (time: string | null) => (time === null ? null : Date.parse(time));

test.each(Object.values(taskExamples))('of one that is $status', async (example) => {
  const { input, error, parameters, progress } = example;
  const task: Task = runningTask({
    taskId: example.task_id,
    status: example.status,
    modelType: example.model_type,
    mixture: newMixture({
      filename: input.filename,
      bytes: input.bytes,
      durationSeconds: input.duration_seconds,
      codec: input.codec,
      sha256: input.sha256,
    }),
    attempt: example.attempts,
    failure: error,
    createdAt: Date.parse(example.created_at),
    startedAt: at(example.started_at),
    completedAt: at(example.completed_at),
    processingSeconds: example.processing_seconds,
  });
  const { percent, stage, eta_seconds: etaSeconds } = progress;
  // What a running attempt tells is its own; of any other the server knows what it says.
  const live = { percent, stage, etaSeconds, updatedAt: Date.parse(progress.updated_at) };
  const views = createTaskViews(
    { queuePosition: async () => 1, queuePositions: async () => new Map() },
    { find: () => live },
  );
  expect(taskToWire(await views.of(task), '')).toEqual({ ...example, parameters });
});
