import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { call, ended, form, submit, waitForTask, type WireTask } from '../support/client.ts';
import { pretendGpus, type PretendedGpus } from '../support/pretendedGpus.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

// Every run starts servers and workers, which takes its time beside other tests.
vi.setConfig({ testTimeout: 90_000 });

let gpus: PretendedGpus;
let onCpu: TestServer;
let onThreeGpus: TestServer;

beforeAll(async () => {
  gpus = await pretendGpus();
  await gpus.set(['GPU-0a', 'GPU-0b', 'GPU-0c']);
  [onCpu, onThreeGpus] = await Promise.all([startTestServer(), startTestServer({ devices: 'auto' })]);
});
afterAll(async () => {
  await Promise.all([onCpu.dispose(), onThreeGpus.dispose()]);
  await gpus.remove();
});

interface Request {
  seconds: number;
  fields: Record<string, string>;
}
const request: fc.Arbitrary<Request> = fc.record({
  seconds: fc.constantFrom(0.2, 1, 3),
  fields: fc.record(
    {
      instruments: fc.constantFrom('drums', 'bass,other'),
      use_tta: fc.constantFrom('true', 'false'),
      output_format: fc.constantFrom('wav', 'flac'),
      bigshifts: fc.constantFrom('1', '4'),
    },
    { requiredKeys: [] },
  ),
});

const submitAll = async (server: TestServer, requests: readonly Request[]) => {
  const tasks: WireTask[] = [];
  for (const { seconds, fields } of requests) {
    tasks.push(await submit(server.url, form(fields, { bytes: makeWav(seconds, 8000) })));
  }
  return tasks;
};

/** What becomes of one while it waits or runs. */
const fate = fc.constantFrom('completes', 'fails', 'kills its worker once', 'is cancelled', 'is deleted');
const PLANNED = {
  completes: ['ok'],
  fails: ['fail:SEPARATION_FAILED'],
  'kills its worker once': ['die', 'ok'],
  'is cancelled': [],
  'is deleted': [],
};

test('Property 8: pending tasks start in the order they came, whatever becomes of those between them', async () => {
  const batch = fc.array(fc.record({ request, fate }), { minLength: 2, maxLength: 7 });
  await fc.assert(
    fc.asyncProperty(request, batch, async (first, rest) => {
      const workers = standInsOf(onCpu);
      const before = (await workers.diary()).length;
      await workers.hold('loading_model');
      await onCpu.plan('ok', ...rest.flatMap((each) => PLANNED[each.fate]));
      const [blocker, ...waiting] = await submitAll(onCpu, [first, ...rest.map((each) => each.request)]);

      const expected = [blocker?.task_id];
      for (const [at, { task_id }] of waiting.entries()) {
        const url = `${onCpu.url}/api/v1/tasks/${task_id}`;
        const becomes = rest[at]?.fate;
        if (becomes === 'is cancelled') await call(`${url}/cancel`, { method: 'POST' });
        else if (becomes === 'is deleted') await call(url, { method: 'DELETE' });
        else expected.push(task_id);
        // It keeps its place: the second attempt starts before any younger task.
        if (becomes === 'kills its worker once') expected.push(task_id);
      }
      await workers.release();
      for (const taskId of expected) await waitForTask(onCpu.url, taskId ?? '', ended);
      const began = (await workers.diary()).slice(before).filter((entry) => entry.event === 'begin');
      expect(began.map((entry) => entry.task_id)).toEqual(expected);
    }),
    { numRuns: 6 },
  );

  // Several workers take them in the same order.
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 5, maxLength: 9 }), async (requests) => {
      await standInsOf(onThreeGpus).hold('separating');
      const tasks = await submitAll(onThreeGpus, requests);
      await standInsOf(onThreeGpus).release();
      const started: number[] = [];
      for (const { task_id } of tasks) {
        const done = await waitForTask(onThreeGpus.url, task_id, ended);
        started.push(Date.parse(done.started_at ?? ''));
      }
      expect(started).toEqual([...started].sort((a, b) => a - b));
    }),
    { numRuns: 4 },
  );
});
