import { expect, test } from 'vitest';
import { createRunningAttempts } from '../../../src/tasks/runningAttempts.ts';
import { StageClock } from '../../../src/tasks/stageClock.ts';
import { ManualClock } from '../../support/manualClock.ts';

const clock = new ManualClock();
const stages = new StageClock(clock);

test('aborting reaches the attempt and gives its end', async () => {
  const running = createRunningAttempts();
  const controller = new AbortController();
  const done = deferred();
  running.add('a', done.promise, controller, stages);
  const end = running.abort('a');
  expect(controller.signal.aborted).toBe(true);
  expect([running.has('a'), running.has('b')]).toEqual([true, false]);
  done.resolve(undefined);
  await end;
  await running.settled();
  expect(running.has('a')).toBe(false);
});

test('how long an attempt has been in its stages can be asked while it runs', () => {
  const running = createRunningAttempts();
  const ownStages = new StageClock(clock);
  running.add('a', new Promise(() => undefined), new AbortController(), ownStages);
  clock.advance(2000);
  ownStages.enter('separating');
  clock.advance(500);
  expect(running.stageSeconds('a')).toEqual({ loading_model: 2, separating: 0.5 });
  expect(running.stageSeconds('b')).toBeUndefined();
});

test('what does not run cannot be aborted', () => {
  expect(createRunningAttempts().abort('a')).toBeUndefined();
});

test('an attempt that fails is forgotten too, and its failure stays its own', async () => {
  const running = createRunningAttempts();
  running.add('a', Promise.reject(new Error('lost')), new AbortController(), stages);
  await expect(running.settled()).resolves.toBeUndefined();
  expect(running.abort('a')).toBeUndefined();
});

test('the end of an older attempt does not forget the newer one', async () => {
  const running = createRunningAttempts();
  const older = deferred();
  running.add('a', older.promise, new AbortController(), stages);
  const controller = new AbortController();
  running.add('a', new Promise(() => undefined), controller, stages);
  older.resolve(undefined);
  await older.promise;
  void running.abort('a');
  expect(controller.signal.aborted).toBe(true);
  expect(running.has('a')).toBe(true);
});

test('all are told to stop together, and their end is that of the last of them', async () => {
  const running = createRunningAttempts();
  const [one, two] = [deferred(), deferred()];
  const controllers = [new AbortController(), new AbortController()] as const;
  running.add('a', one.promise, controllers[0], stages);
  running.add('b', two.promise, controllers[1], stages);
  running.abortAll();
  expect(controllers.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  let isOver = false;
  const settled = running.settled().then(() => (isOver = true));
  one.resolve(undefined);
  await new Promise(setImmediate);
  expect([isOver, running.has('a'), running.has('b')]).toEqual([false, false, true]);
  two.resolve(undefined);
  await settled;
  expect(running.has('b')).toBe(false);
});

function deferred() {
  let resolve: (value: undefined) => void = () => undefined;
  const promise = new Promise<undefined>((settle) => {
    resolve = settle;
  });
  return { promise: promise as Promise<void>, resolve };
}
