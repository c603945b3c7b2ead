import { describe, expect, test, vi } from 'vitest';
import { createLending } from '../../../src/worker/lending.ts';

const any = () => true;
const { signal: patient } = new AbortController();

function lending(onShortage: (missing: number) => void = () => undefined) {
  return createLending<string, 'quick' | 'slow'>({ quick: 2, slow: 1 }, onShortage);
}

describe('what is offered', () => {
  test('goes to those who wait, the first come first', async () => {
    const things = lending();
    const first = things.borrow('quick', any, patient);
    const second = things.borrow('quick', any, patient);
    things.offer('a');
    things.offer('b');
    expect(await Promise.all([first, second])).toEqual(['a', 'b']);
  });

  test('waits for a borrower that accepts it, and passes one that does not', async () => {
    const things = lending();
    const choosy = things.borrow('quick', (thing) => thing === 'b', patient);
    const other = things.borrow('quick', any, patient);
    things.offer('a');
    expect(await other).toBe('a');
    things.offer('b');
    expect(await choosy).toBe('b');
  });

  test('is not lent any more once it is withdrawn', async () => {
    const things = lending();
    things.offer('a');
    things.withdraw('a');
    const waiting = things.borrow('quick', any, patient);
    things.offer('b');
    expect(await waiting).toBe('b');
  });
});

describe('one kind of work', () => {
  test('gets no more than it may have, whatever else is idle, and goes on when some of it ends', async () => {
    const things = lending();
    for (const thing of ['a', 'b', 'c']) things.offer(thing);
    expect(await things.borrow('slow', any, patient)).toBe('a');
    const taken = vi.fn();
    const second = things.borrow('slow', any, patient).then(taken);
    expect(await things.borrow('quick', any, patient)).toBe('b');
    expect(taken).not.toHaveBeenCalled();
    // What it had is gone.
    things.end('slow');
    await second;
    expect(taken).toHaveBeenCalledWith('c');
  });

  test('that ends gives back what it had', async () => {
    const things = lending();
    things.offer('a');
    expect(await things.borrow('slow', any, patient)).toBe('a');
    const next = things.borrow('slow', any, patient);
    things.end('slow', 'a');
    expect(await next).toBe('a');
  });
});

test('a wait that is given up ends with the reason, and takes nothing from the others', async () => {
  const things = lending();
  const controller = new AbortController();
  const given = things.borrow('quick', any, controller.signal);
  const waiting = things.borrow('quick', any, patient);
  controller.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
  await expect(things.borrow('quick', any, controller.signal)).rejects.toThrow('enough');
  things.offer('a');
  expect(await waiting).toBe('a');
});

test('a shortage tells how many could work who have nothing', () => {
  const onShortage = vi.fn();
  const things = lending(onShortage);
  for (const work of ['slow', 'quick'] as const) void things.borrow(work, any, patient);
  expect(onShortage.mock.calls).toEqual([[1], [2]]);
  things.offer('a');
  expect(onShortage).toHaveBeenLastCalledWith(1);
  // It may not begin before the other has ended, so nothing is missing for it.
  void things.borrow('slow', any, patient);
  expect(onShortage).toHaveBeenLastCalledWith(1);
});
