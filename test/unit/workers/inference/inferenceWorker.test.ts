import { afterEach, describe, expect, test } from 'vitest';
import { createLog } from '../../../../src/log/log.ts';
import { InferenceWorker } from '../../../../src/workers/inference/inferenceWorker.ts';
import type { SeparateParams } from '../../../../src/contract/protocol.ts';
import { misbehavingChild } from '../../../support/childCommand.ts';

const log = createLog('silent');
const started: InferenceWorker[] = [];

async function start(
  misbehaviour?: Parameters<typeof misbehavingChild>[0],
  timeouts?: { cancelGraceMs: number },
): Promise<InferenceWorker> {
  const options = { ...misbehavingChild(misbehaviour), id: 'worker-0', device: 'cpu', msstRoot: '/srv' };
  const worker = await InferenceWorker.start(options, log, timeouts);
  started.push(worker);
  return worker;
}

afterEach(async () => {
  for (const worker of started.splice(0)) {
    worker.kill();
    await worker.exited;
  }
});

function params(modelName = 'starter'): SeparateParams {
  return {
    task_id: 'task',
    attempt: 2,
    mixture_path: '/a.wav',
    output_dir: '/out',
    scratch_dir: '/tmp',
    duration_seconds: 1,
    piece_seconds: null,
    whole_fits: true,
    model: {
      name: modelName,
      architecture: 'mdx23c',
      config_path: '/c',
      checkpoint_path: '/p',
      trust_pickle: false,
      lora_checkpoint_peft: null,
      lora_checkpoint_loralib: null,
      precision: 'fp32',
      compile: false,
      msst_arguments: [],
    },
    options: {
      instruments: ['drums'],
      use_tta: false,
      extract_instrumental: false,
      output_format: 'wav',
      pcm_type: 'PCM_24',
      bigshifts: 1,
      num_overlap: null,
      batch_size: null,
    },
  };
}

const unheard = { onProgress: () => undefined, onHeartbeat: () => undefined };
const never = new AbortController().signal;

describe('starting', () => {
  test('gives what the child says of itself', async () => {
    const worker = await start();
    expect(worker.ready).toMatchObject({ torch_version: '2.13.0', device: { kind: 'cpu' } });
    expect(worker.pid).toBe(worker.ready.pid);
  });

  test('refuses a child that speaks another protocol, or dies', async () => {
    await expect(start('old-protocol')).rejects.toThrow('another protocol');
    await expect(start('die-at-start')).rejects.toMatchObject({ name: 'ChildDied' });
  });
});

describe('separating', () => {
  test('tells the progress of this very attempt, and of no other', async () => {
    const worker = await start();
    const heard: number[] = [];
    const events = { ...unheard, onProgress: ({ done }: { done: number }) => heard.push(done) };
    expect(await worker.separate(params(), events, never)).toMatchObject({ task_id: 'task', attempt: 2 });
    expect(heard).toEqual([3]);
  });

  test('does not take the answer of another attempt for its own, and ends the worker that gave it', async () => {
    const worker = await start();
    const answer = worker.separate(params('mistaken'), unheard, never);
    await expect(answer).rejects.toMatchObject({ name: 'ChildDied', exit: { signal: 'SIGKILL' } });
  });

  test('stops when it is told to, and the worker lives on', async () => {
    const worker = await start();
    const controller = new AbortController();
    const separating = worker.separate(params('hang'), unheard, controller.signal);
    setImmediate(() => {
      controller.abort();
    });
    await expect(separating).rejects.toMatchObject({ kind: 'CANCELLED' });
    await expect(worker.separate(params(), unheard, never)).resolves.toBeDefined();
  });

  test('that does not let go when it is told to ends with its worker, after the grace', async () => {
    const worker = await start(undefined, { cancelGraceMs: 50 });
    const controller = new AbortController();
    const separating = worker.separate(params('ignore-cancel'), unheard, controller.signal);
    expect(worker.wasCancelled).toBe(false);
    setImmediate(() => {
      controller.abort();
    });
    await expect(separating).rejects.toMatchObject({ name: 'ChildDied', exit: { signal: 'SIGKILL' } });
    expect(worker.wasCancelled).toBe(true);
  });

  test('ends with the worker that dies of it', async () => {
    const worker = await start();
    await expect(worker.separate(params('die'), unheard, never)).rejects.toMatchObject({ name: 'ChildDied' });
  });
});

test('stopping ends the process', async () => {
  const worker = await start();
  await worker.stop();
  expect(await worker.exited).toEqual({ exitCode: 0, signal: null });
});
