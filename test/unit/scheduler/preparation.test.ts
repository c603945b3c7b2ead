import { expect, test } from 'vitest';
import { createPreparation } from '../../../src/scheduler/preparation.ts';
import type { Task } from '../../../src/tasks/task.ts';
import type { PrepareMessage } from '../../../src/worker/protocol.ts';
import { newMixture, newTask } from '../../support/newTask.ts';

class Worker {
  readonly told: string[] = [];
  prepare({ mixture_path: path, sample_rate: rate }: PrepareMessage) {
    this.told.push(`${path} ${String(rate)}`);
  }
}

function preparing(...waiting: Task[]) {
  const preparation = createPreparation<Worker>({
    store: { nextPending: async (limit) => waiting.slice(0, limit) },
    files: { localPath: (key) => `/data/${key}` },
    describeModel: (name) => (name === 'gone' ? undefined : { sampleRate: 44_100 }),
    log: { warn: () => undefined },
  });
  return { waiting, preparation };
}

/** A pending task whose mixture is this file. */
function pending(storageKey: string, changes: Partial<Task['mixture']> = {}, modelType = 'starter') {
  const task = newTask();
  return {
    ...task,
    taskId: storageKey,
    modelType,
    mixture: { ...newMixture(), storageKey, ...changes },
  } as Task;
}

const soon = () => new Promise((resolve) => setImmediate(resolve));

test('a worker whose network has begun decodes the song that is next, once', async () => {
  const { preparation } = preparing(pending('a'), pending('b'));
  const worker = new Worker();
  preparation.look();
  preparation.begin(worker);
  preparation.begin(worker);
  preparation.look();
  await soon();
  expect(worker.told).toEqual(['/data/a 44100']);
});

test('a song that comes while all is busy is prepared when it comes', async () => {
  const { preparation, waiting } = preparing();
  const worker = new Worker();
  preparation.begin(worker);
  await soon();
  expect(worker.told).toEqual([]);
  waiting.push(pending('a'));
  preparation.look();
  await soon();
  expect(worker.told).toEqual(['/data/a 44100']);
});

test('of several workers each prepares another song', async () => {
  const { preparation } = preparing(pending('a'), pending('b'), pending('c'));
  const [one, two] = [new Worker(), new Worker()];
  preparation.begin(one);
  preparation.begin(two);
  await soon();
  expect([...one.told, ...two.told].sort()).toEqual(['/data/a 44100', '/data/b 44100']);
  expect([one.told.length, two.told.length]).toEqual([1, 1]);
});

test('what is staged first, too long to be held, or of a model that is gone is left alone', async () => {
  const { preparation } = preparing(
    pending('staged', { stagingReason: 'container' }),
    pending('long', { durationSeconds: 301 }),
    pending('gone', {}, 'gone'),
    pending('good'),
  );
  const workers = [new Worker(), new Worker(), new Worker(), new Worker()];
  for (const worker of workers) preparation.begin(worker);
  await soon();
  expect(workers.flatMap(({ told }) => told)).toEqual(['/data/good 44100']);
});

test('a song that a worker died over while it prepared it is never prepared again', async () => {
  const { preparation } = preparing(pending('bad'), pending('good'));
  const first = new Worker();
  preparation.begin(first);
  await soon();
  preparation.end(first, 'died');
  const [second, third] = [new Worker(), new Worker()];
  preparation.begin(second);
  preparation.begin(third);
  await soon();
  expect([...second.told, ...third.told]).toEqual(['/data/good 44100']);
});

test('after a task that ended well the next one is prepared again', async () => {
  const { preparation } = preparing(pending('a'));
  const worker = new Worker();
  preparation.begin(worker);
  await soon();
  preparation.end(worker, 'lives');
  preparation.begin(worker);
  await soon();
  expect(worker.told).toEqual(['/data/a 44100', '/data/a 44100']);
});
