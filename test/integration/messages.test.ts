/** What the children are told, field by field, held against where it comes from: the request, the configuration, the model's files. */
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { separationBytes } from '../../src/tasks/resources/memoryEstimate.ts';
import { writeWav } from '../support/anyWav.ts';
import { call, ended, form, getTask, submit, waitForTask, type WireTask } from '../support/client.ts';
import { listModels, type ListedModels } from '../support/listedModels.ts';
import { pretendGpus } from '../support/pretendedGpus.ts';
import { recordMediaChildren, type RecordedMedia } from '../support/recordedMedia.ts';
import { ownServerHours } from '../support/serverHours.ts';
import { makeSongs } from '../support/songs.ts';
import { standInsOf, type DiaryEntry } from '../support/standIn/standIns.ts';
import { expectedParameters, LISTED, MODELS, validSubmission, type Meant } from '../support/submissions.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';

vi.setConfig({ testTimeout: 90_000 });

const projectRoot = path.resolve(import.meta.dirname, '../..');
const STARTER = { sampleRate: 44_100, stems: 3, bigshifts: 1 };
const STAGED = ['m4a-aac', 'flac-no-count'] as const;

let media: RecordedMedia;
let models: ListedModels;
let server: TestServer;
/** How `four` is listed, with all that an entry can say; the other two models say nothing. */
let ofFour: Record<string, unknown>;

beforeAll(async () => {
  // What is longer than 350 seconds does not fit it as a whole.
  vi.spyOn(os, 'totalmem').mockReturnValue(separationBytes(STARTER, 350) / 0.8);
  models = await listModels(LISTED);
  ofFour = {
    trust_pickle: true,
    lora_checkpoint_peft: models.checkpointOf('voice'),
    lora_checkpoint_loralib: models.checkpointOf('four'),
    batch_size: 7,
    num_overlap: 3,
    precision: 'bf16',
    compile: true,
    msst_arguments: { my_option: 0.5, my_flag: true, not_mine: false, my_list: [1, 'two'] },
  };
  media = await recordMediaChildren();
  server = await startTestServer({
    models: models.entries.map((entry) => (entry.name === 'four' ? { ...entry, ...ofFour } : entry)),
    default_model_type: MODELS.default,
    preload_models: ['four', 'voice'],
  });
});
afterAll(async () => {
  await server.dispose();
  await media.remove();
  await models.dispose();
  vi.restoreAllMocks();
});

const diaryOf = async (event: DiaryEntry['event'], from = server) =>
  (await standInsOf(from).diary()).filter((entry) => entry.event === event);
const stored = (at: string) => path.join(server.dataDir, at);

/** The one file of an upload, which the server renames after its container when it knows that. */
async function mixtureOf(taskId: string): Promise<unknown> {
  const begun = (await diaryOf('begin')).find((entry) => entry.task_id === taskId);
  return (begun?.params as { mixture_path: string }).mixture_path;
}

/** What a worker is told of a model. */
const modelParams = (name: Meant['model']) => ({
  name,
  ...{
    starter: {
      architecture: 'mdx23c',
      config_path: path.join(projectRoot, 'configs/config_starter.yaml'),
      checkpoint_path: path.join(projectRoot, 'pretrain/starter.ckpt'),
    },
    four: { architecture: 'bs_roformer', ...filesOf('four') },
    voice: { architecture: 'mel_band_roformer', ...filesOf('voice') },
  }[name],
  trust_pickle: name === 'four',
  lora_checkpoint_peft: name === 'four' ? ofFour['lora_checkpoint_peft'] : null,
  lora_checkpoint_loralib: name === 'four' ? ofFour['lora_checkpoint_loralib'] : null,
  precision: name === 'four' ? 'bf16' : 'fp32',
  compile: name === 'four',
  msst_arguments: name === 'four' ? ['--my_option=0.5', '--my_flag', '--my_list', '1', 'two'] : [],
});

function filesOf(name: string) {
  const entry = models.entries.find((each) => each.name === name);
  return { config_path: entry?.config_path, checkpoint_path: entry?.checkpoint_path };
}

/** Separates a song. @returns its id and what the worker was told */
async function separate(fields: Record<string, string | string[]>, bytes: Buffer) {
  const { task_id, parameters } = await submit(server.url, form(fields, { bytes }));
  const task = await waitForTask(server.url, task_id, ended);
  expect(task).toMatchObject({ status: 'completed', parameters });
  const [begun] = (await diaryOf('begin')).filter((entry) => entry.task_id === task_id);
  return { taskId: task_id, parameters, told: begun?.params as Record<string, unknown> };
}

const RATE = 1000;
const songOf = (seconds: number) =>
  writeWav({ rate: RATE, channels: 1, bits: 8, frames: Math.round(seconds * RATE) });

test('a worker is told of each separation what its client chose, and of its model what the configuration says', async () => {
  const seconds = fc.integer({ min: 1, max: 60 });
  await fc.assert(
    fc.asyncProperty(validSubmission, seconds, async ({ fields, meant }, length) => {
      const { taskId, parameters, told } = await separate(fields, songOf(length));
      const ofModel = meant.model === 'four' ? { num_overlap: 3, batch_size: 7 } : {};
      const chosen = expectedParameters({
        ...meant,
        num_overlap: meant.num_overlap ?? ofModel.num_overlap,
        batch_size: meant.batch_size ?? ofModel.batch_size,
      });
      expect(parameters).toEqual(chosen);
      expect(told).toEqual({
        task_id: taskId,
        attempt: 1,
        mixture_path: expect.stringMatching(/\/inputs\/[0-9a-f-]{36}\/mixture\.wav$/) as string,
        output_dir: stored(`results/${taskId}/1`),
        scratch_dir: stored(`tmp/${taskId}.1/work`),
        duration_seconds: length,
        piece_seconds: null,
        whole_fits: true,
        model: modelParams(meant.model),
        options: chosen,
      });
      expect(String(told['mixture_path']).startsWith(server.dataDir)).toBe(true);
    }),
    { numRuns: 25 },
  );
});

test.each([
  { seconds: 299, fields: {}, expected: { piece_seconds: null, whole_fits: true } },
  { seconds: 340, fields: {}, expected: { piece_seconds: 240, whole_fits: true } },
  { seconds: 360, fields: {}, expected: { piece_seconds: 240, whole_fits: false } },
  // Chunks that overlap little in batches that are large make pieces that are longer than the song.
  {
    seconds: 340,
    fields: { num_overlap: '1', batch_size: '16' },
    expected: { piece_seconds: null, whole_fits: true },
  },
  // Every shift holds stems of its own.
  { seconds: 340, fields: { bigshifts: '2' }, expected: { piece_seconds: 240, whole_fits: false } },
])('of a song of $seconds s with $fields it is told $expected', async ({ seconds, fields, expected }) => {
  const { told } = await separate({ model_type: 'starter', ...fields }, songOf(seconds));
  expect(told).toMatchObject({ duration_seconds: seconds, ...expected });
});

test('a second attempt is told its own number and folders, and the same otherwise', async () => {
  await server.plan('die', 'ok');
  const { task_id } = await submit(
    server.url,
    form({ use_tta: 'yes', bigshifts: '3' }, { bytes: songOf(2) }),
  );
  expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed', attempts: 2 });
  const [first, second] = (await diaryOf('begin'))
    .filter((entry) => entry.task_id === task_id)
    .map((entry) => entry.params as object);
  expect(second).toEqual({
    ...first,
    attempt: 2,
    output_dir: stored(`results/${task_id}/2`),
    scratch_dir: stored(`tmp/${task_id}.2/work`),
  });
});

test('a worker is told at its start which device it has, and which models to load', async () => {
  const [start] = await diaryOf('start');
  expect(start?.env).toMatchObject({ CUDA_VISIBLE_DEVICES: '', TORCH_FORCE_WEIGHTS_ONLY_LOAD: '1' });
  const [initialized] = await diaryOf('initialize');
  expect(initialized?.params).toEqual({
    role: 'worker',
    protocol_version: 1,
    device: 'cpu',
    msst_root: projectRoot,
    shares_device: false,
  });
  const loads = (await diaryOf('load')).filter(({ pid }) => pid === start?.pid);
  expect(loads.map(({ params }) => params)).toEqual(
    (['four', 'voice'] as const).map((name) => ({ model: modelParams(name) })),
  );
});

test('a worker that computes is told which mixture comes next, and the rate of its model', async () => {
  await standInsOf(server).hold('separating');
  const first = await submit(server.url, form({}, { bytes: songOf(3) }));
  const next = await submit(server.url, form({ model_type: 'voice' }, { bytes: songOf(4) }));
  await expect.poll(() => diaryOf('prepare')).not.toEqual([]);
  await standInsOf(server).release();
  for (const { task_id } of [first, next]) await waitForTask(server.url, task_id, ended);
  const told = (await diaryOf('prepare')).at(-1)?.params;
  expect(told).toEqual({
    mixture_path: await mixtureOf(next.task_id),
    sample_rate: 44_100,
    duration_seconds: 4,
  });
});

test('a media child is told what to probe, and what to decode to which file', async () => {
  const songs = await makeSongs(STAGED);
  for (const [kind, container] of [
    ['m4a-aac', 'mp4'],
    ['flac-no-count', 'flac'],
  ] as const) {
    const { taskId, told } = await separate({}, songs[kind]);
    expect(told['mixture_path']).toBe(stored(`tmp/${taskId}.staged/mixture.wav`));
    const stage = (await media.sent()).find(({ params }) => params['task_id'] === taskId);
    expect(stage).toMatchObject({ method: 'stage' });
    const uploaded = expect.stringMatching(/\/inputs\/[0-9a-f-]{36}\/mixture\.[0-9a-z]+$/) as string;
    expect(stage?.params).toMatchObject({
      task_id: taskId,
      attempt: 1,
      path: uploaded,
      container,
      output_path: told['mixture_path'],
    });
    const inputOf = (at: unknown) => path.dirname(String(at));
    const probes = (await media.sent()).filter(({ method }) => method === 'probe');
    expect(probes.map(({ params }) => inputOf(params['path']))).toContain(inputOf(stage?.params['path']));
  }
});

test('a song that a media child stages is pending meanwhile; while its worker decodes it, its task says that it goes on', async () => {
  const { 'm4a-aac': staged } = await makeSongs(['m4a-aac']);
  const release = await media.holdStaging();
  ownServerHours();
  try {
    const { task_id } = await submit(server.url, form({}, { bytes: staged }));
    const isDecoding = (task: WireTask) => task.progress.stage === 'decoding';
    await expect.poll(() => server.stored('tmp')).toEqual([`${task_id}.staged`]);
    // A child that says nothing for a minute is taken to hang.
    for (let n = 0; n < 6; n += 1) {
      vi.advanceTimersByTime(5_000);
      expect(await getTask(server.url, task_id)).toMatchObject({
        status: 'pending',
        queue_position: 1,
        progress: { stage: 'queued' },
      });
    }
    await server.plan('at:decoding:0:0');
    await release();

    // A worker's heartbeats say so, whatever else it says; these come by the machine's clock.
    await waitForTask(
      server.url,
      task_id,
      (task) => task.progress.stage !== 'loading_model' && isDecoding(task),
    );
    vi.setSystemTime(Date.now() + 60_000);
    const isRenewed = ({ progress }: WireTask) => Date.parse(progress.updated_at) >= Date.now();
    expect(await waitForTask(server.url, task_id, isRenewed)).toMatchObject({ status: 'processing' });
    await call(`${server.url}/api/v1/tasks/${task_id}/cancel`, { method: 'POST' });
  } finally {
    vi.useRealTimers();
    await release();
  }
});

test('workers on GPUs see theirs alone, and know whether another one shares it', async () => {
  const gpus = await pretendGpus();
  await gpus.set(['GPU-0a', 'GPU-0b']);
  const several = await startTestServer({ devices: 'auto', worker_threads: 3 });
  try {
    const told = async () =>
      (await diaryOf('initialize', several)).map(({ device, params }) => ({ device, params })).sort(byDevice);
    await expect.poll(told).toHaveLength(3);
    const initialize = { role: 'worker', protocol_version: 1, device: 'cuda:0', msst_root: projectRoot };
    expect(await told()).toEqual([
      { device: 'GPU-0a', params: { ...initialize, shares_device: true } },
      { device: 'GPU-0a', params: { ...initialize, shares_device: true } },
      { device: 'GPU-0b', params: { ...initialize, shares_device: false } },
    ]);
    for (const { device, env } of await diaryOf('start', several)) {
      expect(env).toMatchObject({ CUDA_VISIBLE_DEVICES: device, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
    }
  } finally {
    await several.dispose();
    await gpus.remove();
  }
});

const byDevice = (one: { device: string }, other: { device: string }) =>
  one.device.localeCompare(other.device);
