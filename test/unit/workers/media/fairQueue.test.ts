import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFairQueue, type FairQueue } from '../../../../src/workers/media/fairQueue.ts';

/** Serves the one whose turn it is. */
function serveNext(queue: FairQueue<number>): { owner: string; wait: number } | undefined {
  const [next] = queue.inOrder();
  const wait = next?.waits[0];
  if (!next || wait === undefined) return undefined;
  queue.serve(next.owner, wait);
  return { owner: next.owner, wait };
}

test('owners take turns, whoever came first and with however much', () => {
  const queue = createFairQueue<number>();
  for (const wait of [1, 2, 3]) queue.add('a', wait);
  queue.add('b', 4);
  queue.add('c', 5);
  const served = Array.from({ length: 5 }, () => serveNext(queue)?.wait);
  expect(served).toEqual([1, 4, 5, 2, 3]);
  expect(serveNext(queue)).toBeUndefined();
});

test('an owner that comes again and again, one at a time, gets no more turns than one that waits with many', () => {
  const queue = createFairQueue<number>();
  for (let wait = 0; wait < 10; wait += 1) queue.add('patient', wait);
  const served: (string | undefined)[] = [];
  for (let turn = 0; turn < 10; turn += 1) {
    queue.add('serial', 100 + turn);
    served.push(serveNext(queue)?.owner, serveNext(queue)?.owner);
  }
  expect(served.filter((owner) => owner === 'patient')).toHaveLength(10);
});

test('a wait that is given up costs its owner nothing', () => {
  const queue = createFairQueue<number>();
  for (let wait = 0; wait < 50; wait += 1) queue.add('a', wait);
  for (let wait = 0; wait < 50; wait += 1) queue.remove('a', wait);
  queue.add('b', 100);
  queue.add('b', 101);
  queue.add('a', 102);
  expect([serveNext(queue), serveNext(queue)].map((served) => served?.owner)).toEqual(['b', 'a']);
});

test('whatever comes, goes and gives up: nobody who waits is passed twice by the same owner, and each is served once', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ what: fc.constant('add'), owner: fc.nat(4) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('serve'), owner: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('remove'), owner: fc.nat(4) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = createFairQueue<number>();
      const waiting = new Map<string, number[]>();
      /** Since when the owner waits without being served: how often each other one was. */
      const passed = new Map<string, Map<string, number>>();
      let made = 0;
      const serve = () => {
        const served = serveNext(queue);
        const owners = [...waiting].filter(([, waits]) => waits.length > 0).map(([owner]) => owner);
        expect(served === undefined).toBe(owners.length === 0);
        if (!served) return;
        expect(waiting.get(served.owner)?.shift()).toBe(served.wait);
        passed.delete(served.owner);
        for (const owner of owners) {
          if (owner === served.owner) continue;
          const counts = passed.get(owner) ?? new Map<string, number>();
          counts.set(served.owner, (counts.get(served.owner) ?? 0) + 1);
          passed.set(owner, counts);
          expect(counts.get(served.owner)).toBe(1);
        }
      };
      for (const { what, owner: number } of steps) {
        const owner = `owner ${String(number)}`;
        const waits = waiting.get(owner) ?? [];
        waiting.set(owner, waits);
        if (what === 'serve') serve();
        if (what === 'add') {
          made += 1;
          waits.push(made);
          queue.add(owner, made);
        }
        const gone = what === 'remove' ? waits.shift() : undefined;
        if (gone !== undefined) {
          queue.remove(owner, gone);
          if (waits.length === 0) passed.delete(owner);
        }
      }
      while (queue.inOrder().length > 0) serve();
      expect([...waiting.values()].flat()).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});
