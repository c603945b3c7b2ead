import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { separationBytes } from '../../src/tasks/resources/memoryEstimate.ts';
import { call, ended, form, getTask, submit, waitForTask, type WireTask } from '../support/client.ts';
import { pretendGpus, type PretendedGpus } from '../support/pretendedGpus.ts';
import { QueueModel } from '../support/queueModel.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { watchStatuses, type StatusHistory } from '../support/statusHistory.ts';
import { eventually, passSeconds, stopClocks } from '../support/stoppedClock.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { toldTask } from '../support/toldWorker.ts';
import { makeWav } from '../support/wav.ts';

// Every run starts servers and workers, which takes its time beside other tests.
vi.setConfig({ testTimeout: 90_000 });

let gpus: PretendedGpus;
let onCpu: TestServer;

beforeAll(async () => {
  gpus = await pretendGpus();
  await gpus.set(['GPU-0a', 'GPU-0b', 'GPU-0c']);
  onCpu = await startTestServer();
});
afterAll(async () => {
  await onCpu.dispose();
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
});

/** Three listed models of the same network, so that they take the same memory. */
const MODELS = ['first', 'second', 'third'];
/** What the host's memory holds, in seconds of song. */
const MEMORY = 12;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      // Twelve fill the memory alone; five fit twice.
      seconds: fc.constantFrom(1, 1, 5, 10, 12),
      model: fc.constantFrom(...MODELS),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('complete' as const, 'fail' as const, 'cancel' as const),
      which: fc.nat({ max: 9 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), which: fc.nat({ max: 9 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(1, 30, 59, 61) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const isDeath = (each: { do: string }) => each.do === 'die';
// A second death makes a new worker come later, which would only cost time.
const history = fc
  .array(step, { minLength: 8, maxLength: 18 })
  .filter((steps) => steps.filter(isDeath).length <= 1);

const comes = (seconds: 1 | 5 | 10) => ({ do: 'submit' as const, seconds, model: 'first' });
const passes = (seconds: 1 | 59) => ({ do: 'pass' as const, seconds });
const EXAMPLES: Step[][] = [
  // What has to begin anew goes before those that came after it.
  [comes(1), comes(1), comes(1), comes(1), comes(1), { do: 'die', which: 1 }, { do: 'complete', which: 0 }],
  // For 59 s it is passed by what fits, from 60 s on by nothing.
  [comes(10), comes(5), passes(59), comes(1), passes(1), comes(1), { do: 'complete', which: 0 }],
];

describe('several workers, several models and little memory', () => {
  let server: TestServer;
  let statuses: StatusHistory;

  beforeAll(async () => {
    stopClocks();
    const perSecond = separationBytes({ sampleRate: 44_100, stems: 3, bigshifts: 1 }, 1);
    vi.spyOn(os, 'totalmem').mockReturnValue(((MEMORY + 0.01) * perSecond) / 0.8);
    server = await startTestServer({
      devices: 'auto',
      models: MODELS.map((name) => ({
        name,
        config_path: path.resolve('configs/config_starter.yaml'),
        checkpoint_path: path.resolve('pretrain/starter.ckpt'),
      })),
      default_model_type: 'first',
    });
    await standInsOf(server).waitToBeTold();
    statuses = watchStatuses(server.dataDir);
  });
  afterAll(async () => {
    statuses.close();
    await server.dispose();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  const songs = new Map([1, 5, 10, 12].map((seconds) => [seconds, makeWav(seconds, 1000)]));

  /** Waits until the server has come to what the model says, and its workers have let go of all else. */
  const agrees = (model: QueueModel, ids: readonly string[]) =>
    eventually(async () => {
      const started = statuses.starts(ids).map((id) => ids.indexOf(id));
      expect(started).toEqual(model.starts);
      const { workers } = (await call(`${server.url}/api/v1/metrics`)).body as {
        workers: { state: string }[];
      };
      expect(workers.filter(({ state }) => state === 'busy')).toHaveLength(model.running.length);
      expect(workers.filter(({ state }) => state === 'starting' || state === 'down')).toEqual([]);
    });

  test('Property 8: they start in the order they came, but that a task which waits for memory is passed for a minute', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const model = new QueueModel(3, MEMORY);
        const ids: string[] = [];
        const attempts = new Map<string, number>();
        await agrees(model, ids);

        const told = (seq: number) => toldTask(server, ids[seq] ?? '', attempts.get(ids[seq] ?? '') ?? 1);
        for (const each of steps) {
          if (each.do === 'submit') {
            const file = { bytes: songs.get(each.seconds) ?? Buffer.alloc(0) };
            const { task_id } = await submit(server.url, form({ model_type: each.model }, file));
            ids.push(task_id);
            model.submit(each.seconds);
          } else if (each.do === 'pass') {
            passSeconds(each.seconds);
            model.pass(each.seconds);
          } else if (each.do === 'cancel') {
            const all = [...model.pending, ...model.running];
            const seq = all[each.which % Math.max(1, all.length)];
            if (seq === undefined) continue;
            await call(`${server.url}/api/v1/tasks/${ids[seq] ?? ''}/cancel`, { method: 'POST' });
            model.end(seq);
          } else {
            const seq = model.running[each.which % Math.max(1, model.running.length)];
            if (seq === undefined) continue;
            if (each.do === 'die') {
              await told(seq).die();
              attempts.set(ids[seq] ?? '', 2);
              model.requeue(seq);
            } else {
              await (each.do === 'complete' ? told(seq).answer() : told(seq).fail('SEPARATION_FAILED'));
              model.end(seq);
            }
          }
          await agrees(model, ids);
        }
        // All that is left gets its turn.
        while (model.running.length > 0) {
          const seq = model.running[0] ?? -1;
          await told(seq).answer();
          model.end(seq);
          await agrees(model, ids);
        }
        expect(model.pending).toEqual([]);
        for (const id of ids) expect(ended(await getTask(server.url, id))).toBe(true);
      }),
      { numRuns: 7, endOnFailure: true, examples: EXAMPLES.map((each): [Step[]] => [each]) },
    );
  });
});
