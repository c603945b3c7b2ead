/** Models that do not load, and those with more to them than a checkpoint, on the built server with the real engine and checkpoints made by torch. */
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { call, ended, form, parseProblem, parseResults, submit, waitForTask } from '../support/client.ts';
import { startServerProcess, type ServerProcess } from '../support/serverProcess.ts';
import { makeMsst, makeTinyModel, runInEngine, type TinyModel } from '../support/tinyModel.ts';
import { makeWav } from '../support/wav.ts';

const TEST_MS = 120_000;
const song = makeWav(1);
let files: string;
let msst_root: string;
let good: TinyModel;
let server: ServerProcess | undefined;

beforeAll(async () => {
  files = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-models-'));
  msst_root = await makeMsst(path.join(files, 'msst'));
  good = await makeTinyModel(msst_root, path.join(files, 'good'), 'good');
}, TEST_MS);
afterAll(() => rm(files, { recursive: true, force: true }));
afterEach(async () => {
  await server?.end('SIGTERM');
  if (server) await rm(server.dataDir, { recursive: true, force: true });
  server = undefined;
});

async function start(...models: object[]): Promise<ServerProcess> {
  server = await startServerProcess({ settings: { msst_root, models, default_model_type: 'good' } });
  return server;
}

/** Submits a song to a model and waits for its end. */
async function separate({ url }: ServerProcess, model_type: string) {
  const { task_id } = await submit(url, form({ model_type }, { bytes: song }));
  return waitForTask(url, task_id, ended, TEST_MS);
}

const post = ({ url }: ServerProcess, model_type: string) =>
  call(`${url}/api/v1/separate`, { method: 'POST', body: form({ model_type }, { bytes: song }) });

const saidOf = (running: ServerProcess, model: string) =>
  running.log.filter((line) => line['msg'] === 'a model is unavailable' && line['model'] === model);

const availableModels = async ({ url }: ServerProcess) => {
  const { models } = (await call(`${url}/api/v1/models`)).body as { models: { model_type: string }[] };
  return models.map(({ model_type }) => model_type);
};

/** A model whose checkpoint torch made of something else. */
async function makeModel(name: string, ...lines: string[]): Promise<TinyModel> {
  const model = { ...good, name, checkpoint_path: path.join(files, `${name}.ckpt`) };
  await runInEngine(['import sys, torch', ...lines], [model.checkpoint_path, good.checkpoint_path]);
  return model;
}

test(
  'requirement 7.7: a model that does not load fails its first task, is then 500 at submission, and is back when its file is right',
  async () => {
    const wrong = await makeModel('wrong', 'torch.save({"other.weight": torch.zeros(3)}, sys.argv[1])');
    const running = await start(good, wrong);
    const failed = await separate(running, 'wrong');
    expect(failed).toMatchObject({ status: 'failed', attempts: 1 });
    expect(failed.error?.message).toMatch(/^The model wrong cannot be loaded: the checkpoint does not fit/);

    const refused = await post(running, 'wrong');
    const problem = parseProblem(refused.body);
    expect([refused.status, problem.error.code]).toEqual([500, 'MODEL_UNAVAILABLE']);
    expect(problem.detail).toContain('the checkpoint does not fit the configuration');
    expect(problem.detail).not.toContain('..');
    expect(problem.error.details.valid_model_types).toEqual(['good', 'starter']);
    expect(saidOf(running, 'wrong')).toHaveLength(1);
    expect(saidOf(running, 'wrong')[0]?.['reason']).toContain('does not fit');
    const told = await call(`${running.url}/api/v1/models/wrong`);
    expect([told.status, parseProblem(told.body).detail]).toEqual([
      404,
      expect.stringContaining('does not fit'),
    ]);
    expect(await availableModels(running)).toEqual(expect.not.arrayContaining(['wrong']));
    expect((await call(`${running.url}/api/v1/health`)).status).toBe(503);
    // The others go on, on the same worker.
    expect((await separate(running, 'good')).status).toBe('completed');

    await copyFile(good.checkpoint_path, `${wrong.checkpoint_path}.new`);
    await rename(`${wrong.checkpoint_path}.new`, wrong.checkpoint_path);
    expect((await separate(running, 'wrong')).status).toBe('completed');
    expect((await call(`${running.url}/api/v1/health`)).status).toBe(200);
  },
  TEST_MS,
);

test(
  'requirement 12.5: a model whose checkpoint is missing at the start is warned about and left out, until it is there',
  async () => {
    const missing = { ...good, name: 'missing', checkpoint_path: path.join(files, 'missing.ckpt') };
    const running = await start(good, missing);
    expect(saidOf(running, 'missing')).toMatchObject([{ level: 40, reason: 'its checkpoint is missing' }]);
    expect(await availableModels(running)).not.toContain('missing');
    const refused = await post(running, 'missing');
    expect([refused.status, parseProblem(refused.body).detail]).toEqual([
      500,
      expect.stringContaining('The model "missing" is unavailable: its checkpoint is missing.'),
    ]);
    await copyFile(good.checkpoint_path, missing.checkpoint_path);
    expect(await availableModels(running)).toContain('missing');
    expect((await separate(running, 'missing')).status).toBe('completed');
  },
  TEST_MS,
);

test(
  'a pickle that safe loading refuses is refused with the entry that would trust it, and loads with that entry',
  async () => {
    const pickled = await makeModel(
      'pickled',
      'from collections import UserDict',
      'torch.save(UserDict(torch.load(sys.argv[2])), sys.argv[1])',
    );
    const first = await start(good, pickled);
    const failed = await separate(first, 'pickled');
    const refused = parseProblem((await post(first, 'pickled')).body);
    for (const words of [failed.error?.message ?? '', refused.detail]) {
      expect(words).toContain('UserDict');
      expect(words).toMatch(/trust_pickle: "[0-9a-f]{64}" in the entry of pickled under models:/);
      expect(words).not.toContain(files);
    }
    const lines = first.log.map((line) => String(line['line']));
    const advice = lines.find((line) => line.includes('trust_pickle')) ?? '';
    const [entry] = parse(advice.slice(advice.indexOf('  - name:'))) as object[];
    expect(entry).toMatchObject({ name: 'pickled', checkpoint_path: pickled.checkpoint_path });
    await first.end('SIGTERM');
    await rm(first.dataDir, { recursive: true, force: true });

    const second = await start(good, entry ?? {});
    expect((await separate(second, 'pickled')).status).toBe('completed');
  },
  TEST_MS,
);

test(
  'a LoRA adapter of a model is in its stems as if its checkpoint had it, and one of unknown strength is refused',
  async () => {
    const adapter = path.join(files, 'adapter');
    await mkdir(adapter);
    const by_hand = await makeModel(
      'by_hand',
      'torch.manual_seed(1)',
      'state = torch.load(sys.argv[2])',
      'out, into, kernel = state["mix.weight"].shape',
      'a, b = torch.randn(2, into, kernel), torch.randn(out, 2, 1)',
      'names = {"base_model.model.mix.lora_A.weight": a, "base_model.model.mix.lora_B.weight": b}',
      `torch.save(names, ${JSON.stringify(path.join(adapter, 'adapter_model.bin'))})`,
      'added = (b.flatten(1) @ a.flatten(1)).view(out, into, kernel) * (3 / 2)',
      'torch.save({**state, "mix.weight": state["mix.weight"] + added}, sys.argv[1])',
    );
    const settings = { peft_type: 'LORA', r: 2, lora_alpha: 3, target_modules: ['mix'] };
    await writeFile(path.join(adapter, 'adapter_config.json'), JSON.stringify(settings));
    const lora_checkpoint_loralib = path.join(adapter, 'adapter_model.bin');
    const running = await start(
      good,
      by_hand,
      { ...good, name: 'adapted', lora_checkpoint_peft: adapter },
      { ...good, name: 'unsaid', lora_checkpoint_loralib },
    );
    const stems = async (model: string) => {
      const { links } = await separate(running, model);
      const { body } = await call(running.url + links.results);
      return parseResults(body).stems.map(({ sha256 }) => sha256);
    };
    expect(await stems('adapted')).toEqual(await stems('by_hand'));
    expect(await stems('adapted')).not.toEqual(await stems('good'));

    const words = (await separate(running, 'unsaid')).error?.message ?? '';
    expect(words).toBe(
      'The LoRA checkpoint of unsaid is not merged: its scaling is unknown: ' +
        "lora_alpha is missing in the section lora of the model's YAML.",
    );
    expect(parseProblem((await post(running, 'unsaid')).body).detail).toContain(words);
  },
  TEST_MS,
);
