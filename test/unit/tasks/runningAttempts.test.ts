import { expect, test } from 'vitest';
import { createRunningAttempts } from '../../../src/tasks/runningAttempts.ts';

test('aborting reaches the attempt and gives its end', async () => {
  const running = createRunningAttempts();
  const controller = new AbortController();
  const done = deferred();
  running.add('a', done.promise, controller);
  const end = running.abort('a');
  expect(controller.signal.aborted).toBe(true);
  expect(running.size).toBe(1);
  expect([running.has('a'), running.has('b')]).toEqual([true, false]);
  done.resolve(undefined);
  await end;
  await running.settled();
  expect(running.size).toBe(0);
  expect(running.has('a')).toBe(false);
});

test('what does not run cannot be aborted', () => {
  expect(createRunningAttempts().abort('a')).toBeUndefined();
});

test('an attempt that fails is forgotten too, and its failure stays its own', async () => {
  const running = createRunningAttempts();
  running.add('a', Promise.reject(new Error('lost')), new AbortController());
  await expect(running.settled()).resolves.toBeUndefined();
  expect(running.abort('a')).toBeUndefined();
});

test('the end of an older attempt does not forget the newer one', async () => {
  const running = createRunningAttempts();
  const older = deferred();
  running.add('a', older.promise, new AbortController());
  const controller = new AbortController();
  running.add('a', new Promise(() => undefined), controller);
  older.resolve(undefined);
  await older.promise;
  void running.abort('a');
  expect(controller.signal.aborted).toBe(true);
  expect(running.size).toBe(1);
});

function deferred() {
  let resolve: (value: undefined) => void = () => undefined;
  const promise = new Promise<undefined>((settle) => {
    resolve = settle;
  });
  return { promise: promise as Promise<void>, resolve };
}
