import { afterEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createLog } from '../../../../src/log/log.ts';
import { ChildDied, ChildFailure } from '../../../../src/workers/process/childErrors.ts';
import { ChildProcess } from '../../../../src/workers/process/childProcess.ts';
import { failureKindSchema } from '../../../../src/contract/protocol.ts';
import { misbehavingChild } from '../../../support/childCommand.ts';
import { waitUntilGone } from '../../../support/serverProcess.ts';

const log = createLog('silent');
const started: ChildProcess[] = [];

function start(env: Record<string, string> = {}): ChildProcess {
  const command = misbehavingChild();
  const child = ChildProcess.start({ ...command, env: { ...command.env, ...env } }, log);
  started.push(child);
  return child;
}

afterEach(async () => {
  for (const child of started.splice(0)) {
    child.kill();
    await child.exited;
  }
});

describe('a request', () => {
  test('gives the answer, parsed, whatever is in it', async () => {
    const params = { text: 'käse \u0000 \u2028 🎵', list: [1, null, { deep: true }] };
    const answer = z.object({ text: z.string(), list: z.array(z.unknown()) });
    expect(await start().request('echo', params, answer)).toEqual(params);
  });

  test('of several at once, each gets its own answer', async () => {
    const child = start();
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map((n) => child.request('echo', { n }, z.object({ n: z.number() }))),
    );
    expect(answers.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
  });

  test.each(failureKindSchema.options)(
    'that is refused as %s throws so, with the sentence of the child',
    async (kind) => {
      const refused = start().request('refuse', { kind, message: 'In words.' }, z.null());
      await expect(refused).rejects.toBeInstanceOf(ChildFailure);
      await expect(refused).rejects.toMatchObject({
        kind,
        message: 'In words.',
        traceback: expect.stringContaining('Traceback'),
      });
    },
  );

  test('does not succeed with an answer of the wrong shape, nor by a method that is not there', async () => {
    const child = start();
    await expect(child.request('echo', { n: 'x' }, z.object({ n: z.number() }))).rejects.toThrow();
    await expect(child.request('no-such', {}, z.null())).rejects.toThrow();
  });
});

describe('a child that dies', () => {
  test('in the middle of a request rejects it, with how it ended', async () => {
    const child = start();
    await child.request('echo', {}, z.object({}));
    const request = child.request('exit', { code: 7 }, z.null());
    await expect(request).rejects.toBeInstanceOf(ChildDied);
    await expect(request).rejects.toMatchObject({ exit: { exitCode: 7, signal: null } });
  });

  test('rejects everything that was open, and whatever is asked later', async () => {
    const child = start();
    const open = [child.request('hang', {}, z.null()), child.request('ignore-cancel', {}, z.null())];
    const settled = Promise.allSettled(open);
    await child.request('echo', {}, z.object({}));
    child.kill();
    for (const each of await settled) {
      expect(each).toMatchObject({
        status: 'rejected',
        reason: { name: 'ChildDied', exit: { signal: 'SIGKILL' } },
      });
    }
    await expect(child.request('echo', {}, z.object({}))).rejects.toBeInstanceOf(ChildDied);
    child.kill();
  });

  test('takes everything that it started with it', async () => {
    const child = start();
    const { pid } = await child.request('grandchild', {}, z.object({ pid: z.number() }));
    expect(() => process.kill(pid, 0)).not.toThrow();
    child.kill();
    await child.exited;
    await waitUntilGone([pid]);
  });

  test('by itself takes what it started with it too, also what holds its stderr open', async () => {
    const child = start();
    const { pid } = await child.request('grandchild', { stderr: 'inherit' }, z.object({ pid: z.number() }));
    process.kill(child.pid, 'SIGKILL');
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
    await waitUntilGone([pid]);
  });

  test('is one that could not be started too', async () => {
    const child = ChildProcess.start({ ...misbehavingChild(), python: '/nonexistent/python' }, log);
    await expect(child.request('echo', {}, z.object({}))).rejects.toBeInstanceOf(ChildDied);
    await expect(child.exited).resolves.toBeDefined();
    child.kill();
  });
});

test('a child that does not answer in time is killed', async () => {
  const child = start();
  await child.request('echo', {}, z.object({}));
  const request = child.request('ignore-cancel', {}, z.null(), { timeoutMs: 50 });
  await expect(request).rejects.toMatchObject({ name: 'ChildDied', exit: { signal: 'SIGKILL' } });
});

test('an answer in time leaves the child alive when the time is over', async () => {
  const child = start();
  await child.request('echo', {}, z.object({}), { timeoutMs: 3_000 });
  await new Promise((resolve) => setTimeout(resolve, 0));
  await expect(child.request('echo', {}, z.object({}))).resolves.toEqual({});
});

describe('cancelling', () => {
  test('reaches the child, whose answer is awaited; the child lives on', async () => {
    const child = start();
    const controller = new AbortController();
    const request = child.request('hang', {}, z.null(), { signal: controller.signal });
    await child.request('echo', {}, z.object({}));
    controller.abort();
    await expect(request).rejects.toMatchObject({ name: 'ChildFailure', kind: 'CANCELLED' });
    await expect(child.request('echo', {}, z.object({}))).resolves.toEqual({});
  });

  test('before the request was written never bothers the child', async () => {
    const request = start().request('ignore-cancel', {}, z.null(), { signal: AbortSignal.abort() });
    await expect(request).rejects.toMatchObject({ name: 'ChildFailure', kind: 'CANCELLED' });
  });
});

test.each([
  ['a header without a length', 'Content-Type: x\r\n\r\n'],
  ['no header at all', 'Loading model…\r\n\r\n'],
  ['a length that is none', 'Content-Length: many\r\n\r\n'],
  ['a body that is no JSON', 'Content-Length: 5\r\n\r\nhello'],
  ['a negative length', 'Content-Length: -5\r\n\r\n'],
])(
  'after %s on its stdout a child is not trusted: it is killed and the open request rejected',
  async (_what, bytes) => {
    const child = start();
    await expect(child.request('garbage', { bytes }, z.null())).rejects.toBeInstanceOf(ChildDied);
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
  },
);

test.each([
  ['of a length beyond any message', 'Content-Length: 99999999999\r\n\r\n'],
  ['without a header', 'x'],
])('a child that sends a frame %s is killed before it fills the memory', async (_what, bytes) => {
  const child = start();
  await expect(child.request('garbage', { bytes, thenMegabytes: 9 }, z.null())).rejects.toBeInstanceOf(
    ChildDied,
  );
  expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
});

test('many messages of more bytes together than one may have are no such frame', async () => {
  const child = start();
  const text = 'x'.repeat(3_000_000);
  for (let i = 0; i < 4; i += 1) {
    expect(await child.request('echo', { text }, z.object({ text: z.string() }))).toEqual({ text });
  }
});

describe('a notification', () => {
  test('reaches its handler, parsed', async () => {
    const child = start();
    const heard = new Promise((resolve) =>
      child.onNotification('tick', z.object({ n: z.number() }), resolve),
    );
    await child.request('notify', { method: 'tick', params: { n: 3 } }, z.null());
    expect(await heard).toEqual({ n: 3 });
  });

  test('that breaks the protocol ends the child', async () => {
    const child = start();
    child.onNotification('tick', z.object({ n: z.number() }), () => {
      throw new Error('heard');
    });
    await child.request('notify', { method: 'tick', params: { n: 'x' } }, z.null()).catch(() => undefined);
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
  });
});

test('a child gets the environment given to it, safe loading forced, and nothing of the server itself', async () => {
  const child = start({ GIVEN: 'yes', TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD: '1' });
  const shape = z.object({ env: z.record(z.string(), z.string()), argv: z.array(z.string()) });
  const { env, argv } = await child.request('environment', {}, shape);
  expect(argv).toEqual(['-m', 'python_worker']);
  expect(env).toMatchObject({ GIVEN: 'yes', TORCH_FORCE_WEIGHTS_ONLY_LOAD: '1', PYTHONUTF8: '1' });
  expect(env).not.toHaveProperty('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD');
  expect(env).not.toHaveProperty('VITEST');
});

test('a flood on stderr does not hold a child up', async () => {
  const child = start();
  await expect(child.request('flood', { bytes: 5_000_000 }, z.null())).resolves.toBeNull();
});

test('a child that is asked to shut down ends by itself', async () => {
  const child = start();
  await child.shutdown();
  expect(await child.exited).toEqual({ exitCode: 0, signal: null });
});

test('a group that is dead and not reaped counts as gone, also where the platform answers EPERM (macOS)', async () => {
  const child = start();
  const kill = process.kill.bind(process);
  const spy = vi.spyOn(process, 'kill').mockImplementation((target, signal) => {
    kill(target, signal);
    throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
  });
  try {
    expect(() => child.kill()).not.toThrow();
    expect((await child.exited).signal).toBe('SIGKILL');
    expect(spy).toHaveBeenCalledWith(-child.pid, 'SIGKILL');
  } finally {
    spy.mockRestore();
  }
});
