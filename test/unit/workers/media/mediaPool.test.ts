import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createLog } from '../../../../src/log/log.ts';
import {
  createMediaPool,
  MEDIA_TIMEOUTS,
  type MediaTimeouts,
  type MediaPool,
} from '../../../../src/workers/media/mediaPool.ts';
import { misbehavingChild } from '../../../support/childCommand.ts';
import { childrenOf, waitUntilGone } from '../../../support/serverProcess.ts';
import { temporaryFolder } from '../../../support/temporaryFolder.ts';

const started: MediaPool[] = [];

/** A pool for a host of two cores. */
function start(misbehaviour?: Parameters<typeof misbehavingChild>[0], timeouts: Partial<MediaTimeouts> = {}) {
  const pool = createMediaPool(
    misbehavingChild(misbehaviour),
    createLog('silent'),
    { cores: 2, memoryBytes: 8e9 },
    { ...MEDIA_TIMEOUTS, ...timeouts },
  );
  pool.start();
  started.push(pool);
  return { ...pool, probe: (path: string, owner = 'somebody') => pool.probe(path, owner) };
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((pool) => pool.stop()));
});

const childPids = async () =>
  (await childrenOf(process.pid))
    .filter(({ command }) => command.includes('misbehavingChild'))
    .map(({ pid }) => pid);
const pidOf = (found: { codec: string }) => Number(found.codec.split(' ')[1]);

describe('probing', () => {
  test('gives what the child found', async () => {
    expect(await start().probe('song.wav')).toMatchObject({ container: 'wav', sample_rate: 44_100 });
  });

  test('two files at once go to two children; a third one waits for the first that is free', async () => {
    const pool = start();
    const gate = path.join(await temporaryFolder(), 'gate');
    const all = [pool.probe(`wait:${gate}`), pool.probe(`wait:${gate}`), pool.probe('third')];
    await expect.poll(() => readdir(path.dirname(gate))).toHaveLength(2);
    await writeFile(gate, '');
    const pids = (await Promise.all(all)).map(pidOf);
    expect(new Set(pids.slice(0, 2)).size).toBe(2);
    expect(pids.slice(0, 2)).toContain(pids[2]);
  });

  test('files one after the other need one child', async () => {
    const pool = start();
    const pids = [await pool.probe('first'), await pool.probe('second')].map(pidOf);
    expect(await childPids()).toEqual([pids[0]]);
    expect(pids[1]).toBe(pids[0]);
  });

  test.each(['UNSUPPORTED_FORMAT', 'INVALID_AUDIO'])(
    'a refusal as %s is passed on, and the child goes on',
    async (kind) => {
      const pool = start();
      await expect(pool.probe(`refuse:${kind}`)).rejects.toMatchObject({ name: 'ChildFailure', kind });
      await expect(pool.probe('next')).resolves.toBeDefined();
    },
  );
});

describe('of several owners', () => {
  test('one that has its files waiting in heaps keeps no other from being answered at once', async () => {
    const pool = start();
    const gate = path.join(await temporaryFolder(), 'gate');
    const heap = Array.from({ length: 6 }, () => pool.probe(`wait:${gate}`, 'greedy'));
    const ended = vi.fn();
    for (const probing of heap) void probing.then(ended);
    await expect.poll(() => readdir(path.dirname(gate))).toHaveLength(2);
    const other = await pool.probe('song.wav', 'other');
    expect(ended).not.toHaveBeenCalled();
    expect(other.waitedMs).toBeGreaterThanOrEqual(0);
    await writeFile(gate, '');
    const waits = (await Promise.all(heap)).map(({ waitedMs }) => waitedMs);
    expect(Math.max(...waits)).toBeGreaterThan(Math.min(...waits));
  });

  test('two that fill every place let a third in as soon as one file is done', async () => {
    const pool = start();
    const folder = await temporaryFolder();
    const gates = ['a', 'b', 'c'].map((name) => path.join(folder, name));
    const order: string[] = [];
    const ask = async (file: string, owner: string) => {
      await pool.probe(file, owner);
      order.push(owner);
    };
    const first = [
      ask(`wait:${gates[0]!}`, 'a'),
      ask(`wait:${gates[1]!}`, 'a'),
      ask(`wait:${gates[2]!}`, 'b'),
    ];
    await expect.poll(() => readdir(folder)).toHaveLength(3);
    const later = [...Array(4).fill('a'), ...Array(4).fill('b'), 'third'].map((owner: string) =>
      ask('x', owner),
    );
    await writeFile(gates[0]!, '');
    await Promise.all([first[0], ...later]);
    expect(order.indexOf('third')).toBeLessThanOrEqual(3);
    await Promise.all(gates.map((gate) => writeFile(gate, '')));
    await Promise.all(first);
  });
});

describe('a child that dies', () => {
  test('once of a file is replaced, and the file tried again', async () => {
    const marker = path.join(await temporaryFolder(), 'died');
    await expect(start().probe(`die-once:${marker}`)).resolves.toMatchObject({ container: 'wav' });
  });

  test('twice of the same file means that the file is unreadable, and the next file is probed as ever', async () => {
    const pool = start();
    await expect(pool.probe('die')).rejects.toMatchObject({
      name: 'ChildFailure',
      kind: 'INVALID_AUDIO',
      traceback: null,
    });
    await expect(pool.probe('next')).resolves.toBeDefined();
  });

  test('beside another gives its file to one that is started after it, so that what ends both is not laid to the file', async () => {
    const pool = start();
    const ready = path.join(await temporaryFolder(), 'gate');
    const both = [pool.probe(`wait:${ready}`), pool.probe(`wait:${ready}`)];
    await expect.poll(() => readdir(path.dirname(ready))).toHaveLength(2);
    await writeFile(ready, '');
    const before = (await Promise.all(both)).map(pidOf);

    const gate = path.join(await temporaryFolder(), 'gate');
    const probing = pool.probe(`wait:${gate}`);
    await expect.poll(() => readdir(path.dirname(gate))).toHaveLength(1);
    // The file that a child makes to say that it waits is named by its pid.
    const [name] = await readdir(path.dirname(gate));
    const busy = Number(/[0-9]+$/.exec(name!)![0]);
    const other = before.find((pid) => pid !== busy)!;
    // Whatever it is given from here on, it does not answer.
    process.kill(other, 'SIGSTOP');
    process.kill(busy, 'SIGKILL');
    await expect.poll(async () => (await childPids()).filter((pid) => !before.includes(pid))).toHaveLength(1);
    await writeFile(gate, '');
    process.kill(other, 'SIGKILL');
    await expect(probing).resolves.toMatchObject({ container: 'wav' });
  });

  test('while it is idle is not lent out any more', async () => {
    const pool = start();
    const first = pidOf(await pool.probe('a'));
    process.kill(first, 'SIGKILL');
    await waitUntilGone([first]);
    const pids = await Promise.all([pool.probe('b'), pool.probe('c'), pool.probe('d')]);
    expect(pids.map(pidOf)).not.toContain(first);
  });
});

describe('stopping', () => {
  test('leaves no child, and can be waited for', async () => {
    const pool = start();
    const gate = path.join(await temporaryFolder(), 'gate');
    const probing = [pool.probe(`wait:${gate}`), pool.probe(`wait:${gate}`)];
    await expect.poll(() => readdir(path.dirname(gate))).toHaveLength(2);
    await writeFile(gate, '');
    const pids = (await Promise.all(probing)).map(pidOf);
    await pool.stop();
    await waitUntilGone(pids);
  });

  test('does not wait for a child that does not listen', async () => {
    const pool = start('mute');
    await expect.poll(() => pool.isAlive()).toBe(true);
    await expect(pool.stop()).resolves.toBeUndefined();
  });

  test('does not wait for children that die as soon as they start', async () => {
    const pool = start('die-at-start');
    await expect.poll(() => pool.isAlive()).toBe(true);
    await expect(pool.stop()).resolves.toBeUndefined();
  });
});

describe('a machine with too much to do', () => {
  test('has nobody wait for ever for a child, and does not blame the file', async () => {
    const pool = start(undefined, { freeMs: 2_000 });
    const gate = path.join(await temporaryFolder(), 'gate');
    const probing = [pool.probe(`wait:${gate}`), pool.probe(`wait:${gate}`)];
    await expect.poll(() => readdir(path.dirname(gate))).toHaveLength(2);
    await expect(pool.probe('third')).rejects.toMatchObject({ name: 'MediaBusy' });
    await writeFile(gate, '');
    await expect(Promise.all(probing)).resolves.toHaveLength(2);
    await expect(pool.probe('fourth')).resolves.toMatchObject({ container: 'wav' });
  });

  test('has nobody wait for ever for an answer, and does not blame the file', async () => {
    const pool = start(undefined, { probeMs: 2_000 });
    const never = path.join(await temporaryFolder(), 'gate');
    await expect(pool.probe(`wait:${never}`)).rejects.toMatchObject({ name: 'MediaBusy' });
    expect(await readdir(path.dirname(never))).toHaveLength(1);
    await expect(pool.probe('next')).resolves.toMatchObject({ container: 'wav' });
  });

  test('lets go those who wait when the pool is stopped', async () => {
    const pool = start('mute');
    const waiting = expect(pool.probe('song.wav')).rejects.toMatchObject({ name: 'MediaBusy' });
    await expect.poll(() => pool.isAlive()).toBe(true);
    await pool.stop();
    await waiting;
  });
});

describe('staging', () => {
  const file = { path: 'a', container: 'mp4', duration_seconds: 1, output_path: 'b' } as const;
  const params = { task_id: 't', attempt: 1, ...file };
  const cancelled = { name: 'ChildFailure', kind: 'CANCELLED' };

  test('that is cancelled is told so, and the child is free again', async () => {
    const pool = start();
    const controller = new AbortController();
    const staging = pool.stage(params, controller.signal);
    await pool.probe('meanwhile');
    controller.abort();
    await expect(staging).rejects.toMatchObject(cancelled);
    await expect(Promise.all([pool.probe('x'), pool.probe('y')])).resolves.toHaveLength(2);
  });

  test('of however many files leaves a child to probe with; one that waits for its turn can be cancelled', async () => {
    const pool = start();
    const controllers = Array.from({ length: 4 }, () => new AbortController());
    const staging = controllers.map(({ signal }) => pool.stage(params, signal));
    const ends = staging.map((end) => expect(end).rejects.toMatchObject(cancelled));
    await expect(pool.probe('meanwhile')).resolves.toMatchObject({ container: 'wav' });
    expect(await childPids()).toHaveLength(3);
    controllers[3]!.abort();
    await ends[3];
    for (const controller of controllers) controller.abort();
    await Promise.all(ends);
    await expect(pool.probe('afterwards')).resolves.toMatchObject({ container: 'wav' });
  });

  test('that ignores its cancel ends at once for the one who waits, and its child is killed after the grace and replaced', async () => {
    const pool = start(undefined, { cancelGraceMs: 50 });
    const pid = pidOf(await pool.probe('first'));
    const controller = new AbortController();
    const staging = pool.stage({ ...params, path: 'ignore' }, controller.signal);
    await expect(pool.probe('meanwhile')).resolves.toBeDefined();
    controller.abort();
    await expect(staging).rejects.toMatchObject(cancelled);
    await waitUntilGone([pid]);
    await expect(Promise.all([pool.probe('x'), pool.probe('y')])).resolves.toHaveLength(2);
  });

  test('that ignores its cancel does not hold up a stop', async () => {
    const pool = start(undefined, { cancelGraceMs: 3_600_000, stopMs: 50 });
    const controller = new AbortController();
    const staging = pool.stage({ ...params, path: 'ignore' }, controller.signal);
    await pool.probe('meanwhile');
    controller.abort();
    await expect(staging).rejects.toMatchObject(cancelled);
    await pool.stop();
    await expect.poll(childPids).toEqual([]);
  });

  test.each([
    ['without heartbeats', 'silence', 'silent', { silentMs: 100 }],
    ['with heartbeats and no CPU time', 'beat', 'stalled', { stalledMs: 300 }],
    ['far beyond its time', 'work', 'overdue', { deadlineMs: 1_000 }],
  ])('%s is a hang: its child is killed and replaced', async (_how, what, hang, timeouts) => {
    const pool = start(undefined, { lookEveryMs: 50, ...timeouts });
    const pid = pidOf(await pool.probe('first'));
    const staging = pool.stage({ ...params, path: what }, new AbortController().signal);
    await expect(staging).rejects.toMatchObject({ name: 'WorkerHung', hang });
    await waitUntilGone([pid]);
    await expect(pool.probe('afterwards')).resolves.toBeDefined();
  });
});

test('a child that even a kill does not end is left behind: its work fails, another takes its place, and a stop does not wait', async () => {
  const pool = start(undefined, { probeMs: 500 });
  const pid = pidOf(await pool.probe('first'));
  const never = path.join(await temporaryFolder(), 'gate');
  const kill = vi.spyOn(process, 'kill').mockImplementation(() => true);
  try {
    await expect(pool.probe(`wait:${never}`)).rejects.toMatchObject({ name: 'MediaBusy' });
    expect(pidOf(await pool.probe('next'))).not.toBe(pid);
    await pool.stop();
  } finally {
    kill.mockRestore();
    for (const left of await childPids()) process.kill(left, 'SIGKILL');
  }
});
