import { expect, test } from 'vitest';
import { createPreparation } from '../../../../src/scheduler/attempt/preparation.ts';
import type { Task } from '../../../../src/tasks/task.ts';
import type { PrepareMessage } from '../../../../src/contract/protocol.ts';
import { noStaging } from '../../../support/noStaging.ts';
import { newMixture, newTask } from '../../../support/newTask.ts';

class Worker {
  readonly told: string[] = [];
  /** How long they were said to be, in seconds. */
  readonly lengths: number[] = [];
  prepare({ mixture_path: path, sample_rate: rate, duration_seconds: seconds }: PrepareMessage) {
    this.lengths.push(seconds);
    this.told.push(`${path} ${String(rate)}`);
  }
}

const staged = (taskId: string) =>
  taskId === 'staged' ? { path: '/tmp/staged.wav', durationSeconds: 9.5, warnings: [] } : undefined;

function preparing(...waiting: Task[]) {
  const warned: unknown[] = [];
  const preparation = createPreparation<Worker>({
    queue: { nextPending: async (limit) => waiting.slice(0, limit) },
    workspace: { localPath: async (key) => `/data/${key}` },
    staging: { find: staged },
    describeModel: (name) => (name === 'gone' ? undefined : { sampleRate: 44_100 }),
    log: { warn: (facts: unknown) => void warned.push(facts) },
  });
  return { waiting, preparation, warned };
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

test('a worker that is told twice that its network works goes on with the song it has', async () => {
  const { preparation } = preparing(pending('a'));
  const worker = new Worker();
  preparation.begin(worker);
  await soon();
  preparation.begin(worker);
  await soon();
  expect(worker.told).toEqual(['/data/a 44100']);
});

test('songs for which no worker is left are not prepared, and that is no fault', async () => {
  const { preparation, waiting, warned } = preparing(pending('a'));
  const [one, two] = [new Worker(), new Worker()];
  preparation.begin(one);
  await soon();
  // The song that one of them has prepared began elsewhere.
  waiting.splice(0, 1, pending('b'), pending('c'));
  preparation.begin(two);
  await soon();
  expect([one.told, two.told]).toEqual([['/data/a 44100'], ['/data/b 44100']]);
  expect(warned).toEqual([]);
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

test('what is not staged yet, too long to be held, or of a model that is gone is left alone', async () => {
  const { preparation } = preparing(
    pending('being-staged', { stagingReason: 'container' }),
    pending('long', { durationSeconds: 301 }),
    pending('gone', {}, 'gone'),
    pending('good', { durationSeconds: 300 }),
  );
  const workers = [new Worker(), new Worker(), new Worker(), new Worker()];
  for (const worker of workers) preparation.begin(worker);
  await soon();
  expect(workers.flatMap(({ told }) => told)).toEqual(['/data/good 44100']);
  expect(workers.flatMap(({ lengths }) => lengths)).toEqual([300]);
});

test('what is staged is decoded from there, as long as it was written', async () => {
  const { preparation } = preparing(pending('staged', { stagingReason: 'container' }));
  const worker = new Worker();
  preparation.begin(worker);
  await soon();
  expect([worker.told, worker.lengths]).toEqual([['/tmp/staged.wav 44100'], [9.5]]);
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

test('a song that another worker prepares already is left to it, and the next one is prepared', async () => {
  const { preparation } = preparing(pending('a'), pending('b'));
  const [one, two] = [new Worker(), new Worker()];
  preparation.begin(one);
  await soon();
  preparation.begin(two);
  await soon();
  expect([one.told, two.told]).toEqual([['/data/a 44100'], ['/data/b 44100']]);
});

test('a worker whose network ended before the queue was read is told of nothing', async () => {
  const { preparation } = preparing(pending('a'));
  const [ended, works] = [new Worker(), new Worker()];
  preparation.begin(ended);
  preparation.begin(works);
  preparation.end(ended, 'lives');
  await soon();
  expect([ended.told, works.told]).toEqual([[], ['/data/a 44100']]);
});

test('the queue is read only where a worker has nothing to prepare, and no further than there are workers', async () => {
  const asked: number[] = [];
  const preparation = createPreparation<Worker>({
    queue: {
      nextPending: async (limit) => {
        asked.push(limit);
        return [pending('a'), pending('b')].slice(0, limit);
      },
    },
    workspace: { localPath: async (key) => key },
    staging: noStaging,
    describeModel: () => ({ sampleRate: 44_100 }),
    log: { warn: () => undefined },
  });
  preparation.look();
  await soon();
  expect(asked).toEqual([]);
  preparation.begin(new Worker());
  await soon();
  preparation.look();
  await soon();
  expect(asked).toEqual([1]);
  preparation.begin(new Worker());
  await soon();
  expect(asked).toEqual([1, 2]);
});

test('a queue that cannot be read is told to the log and to nobody else', async () => {
  const warned: unknown[] = [];
  const error = new Error('SQLITE_IOERR');
  const preparation = createPreparation<Worker>({
    queue: { nextPending: () => Promise.reject(error) },
    workspace: { localPath: async (key) => key },
    staging: noStaging,
    describeModel: () => ({ sampleRate: 44_100 }),
    log: { warn: (facts: unknown) => void warned.push(facts) },
  });
  preparation.begin(new Worker());
  await soon();
  expect(warned).toEqual([{ err: error }]);
});

test('a song that a worker was not preparing when it died is prepared by the next', async () => {
  const { preparation, waiting } = preparing();
  const first = new Worker();
  preparation.begin(first);
  await soon();
  preparation.end(first, 'died');
  waiting.push(pending('a'));
  const second = new Worker();
  preparation.begin(second);
  await soon();
  expect(second.told).toEqual(['/data/a 44100']);
});
