import { describe, expect, test, vi } from 'vitest';
import { createResourcePool, type AcquireRequest } from '../../../../src/workers/media/resourcePool.ts';

const { signal: patient } = new AbortController();

const request = (owner = 'one', more: Partial<AcquireRequest<string>> = {}): AcquireRequest<string> => ({
  owner,
  accepts: () => true,
  signal: patient,
  ...more,
});

function resources(onShortage: (missing: number) => void = () => undefined) {
  const shares = { quick: { atOnce: 3, each: 2 }, slow: { atOnce: 1, each: 1 } };
  return createResourcePool<string, 'quick' | 'slow'>(shares, onShortage);
}

describe('what is offered', () => {
  test('goes to those who wait, of one owner the first come first', async () => {
    const things = resources();
    const first = things.acquire('quick', request());
    const second = things.acquire('quick', request());
    things.offer('a');
    things.offer('b');
    expect((await Promise.all([first, second])).map(({ item }) => item)).toEqual(['a', 'b']);
  });

  test('waits for a caller that accepts it, and passes one that does not', async () => {
    const things = resources();
    const choosy = things.acquire('quick', request('one', { accepts: (thing) => thing === 'b' }));
    const other = things.acquire('quick', request());
    things.offer('a');
    expect((await other).item).toBe('a');
    things.offer('b');
    expect((await choosy).item).toBe('b');
  });

  test('is not lent any more once it is withdrawn', async () => {
    const things = resources();
    things.offer('a');
    things.withdraw('a');
    const waiting = things.acquire('quick', request());
    things.offer('b');
    expect((await waiting).item).toBe('b');
  });
});

describe('one kind of work', () => {
  test('gets no more than it may have, whatever else is idle, and goes on when some of it ends', async () => {
    const things = resources();
    for (const thing of ['a', 'b', 'c']) things.offer(thing);
    const first = await things.acquire('slow', request());
    expect(first.item).toBe('a');
    const taken = vi.fn();
    const second = things.acquire('slow', request('two')).then(({ item }) => taken(item));
    expect((await things.acquire('quick', request())).item).toBe('b');
    expect(taken).not.toHaveBeenCalled();
    first.end('gone');
    await second;
    expect(taken).toHaveBeenCalledWith('c');
  });

  test('that ends gives back what it had', async () => {
    const things = resources();
    things.offer('a');
    const acquired = await things.acquire('slow', request());
    const next = things.acquire('slow', request());
    acquired.end('returned');
    expect((await next).item).toBe('a');
  });
});

describe('one owner', () => {
  test('however much it asks for, leaves something that another gets at once', async () => {
    const things = resources();
    for (const thing of ['a', 'b', 'c']) things.offer(thing);
    const greedy = Array.from({ length: 6 }, () => things.acquire('quick', request('greedy')));
    const held = await Promise.all(greedy.slice(0, 2));
    const third = vi.fn();
    void greedy[2]?.then(third);
    expect((await things.acquire('quick', request('other'))).item).toBe('c');
    expect(third).not.toHaveBeenCalled();
    held[0]?.end('returned');
    await greedy[2];
    expect(third).toHaveBeenCalled();
  });

  test('that asked for much before two others came is passed by both as soon as something is free', async () => {
    const things = resources();
    things.offer('a');
    const served: string[] = [];
    const ask = async (owner: string) => {
      const acquired = await things.acquire('quick', request(owner));
      served.push(owner);
      return acquired;
    };
    const first = ask('greedy');
    const all = [...Array(5).fill('greedy'), 'x', 'y'].map((owner: string) => ask(owner));
    (await first).end('returned');
    for (const acquired of all) void acquired.then(({ end }) => end('returned'));
    await Promise.all(all);
    expect(served.slice(0, 4)).toEqual(['greedy', 'x', 'y', 'greedy']);
  });
});

test('a wait that is given up ends with the reason, and takes nothing from the others', async () => {
  const things = resources();
  const controller = new AbortController();
  const given = things.acquire('quick', request('one', { signal: controller.signal }));
  const waiting = things.acquire('quick', request());
  controller.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
  await expect(things.acquire('quick', request('one', { signal: controller.signal }))).rejects.toThrow(
    'enough',
  );
  things.offer('a');
  expect((await waiting).item).toBe('a');
});

test('a shortage tells how many could work who have nothing', () => {
  const onShortage = vi.fn();
  const things = resources(onShortage);
  for (const work of ['slow', 'quick'] as const) void things.acquire(work, request());
  expect(onShortage.mock.calls).toEqual([[1], [2]]);
  things.offer('a');
  expect(onShortage).toHaveBeenLastCalledWith(1);
  // They may not begin before others have ended, so nothing is missing for them.
  void things.acquire('slow', request());
  for (let asked = 0; asked < 3; asked += 1) void things.acquire('quick', request());
  expect(onShortage).toHaveBeenLastCalledWith(2);
});
