/** The real engine: a model in bf16 and compiled beside the same one as MSST computes it. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, ended, form, parseResults, submit, waitForTask } from '../support/client.ts';
import { startServerProcess, type ServerProcess } from '../support/serverProcess.ts';
import { makeMsst, makeTinyModel } from '../support/tinyModel.ts';
import { makeWav } from '../support/wav.ts';

const TEST_MS = 240_000;
const song = makeWav(1);
let files: string;
let server: ServerProcess;
beforeAll(async () => {
  files = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-precision-'));
  const msst_root = await makeMsst(path.join(files, 'msst'));
  const plain = await makeTinyModel(msst_root, path.join(files, 'plain'), 'plain');
  const fast = { ...plain, name: 'fast', precision: 'bf16', compile: true };
  server = await startServerProcess({
    settings: { msst_root, models: [plain, fast], default_model_type: 'plain' },
    env: { TORCHINDUCTOR_CACHE_DIR: path.join(files, 'compiled') },
  });
}, TEST_MS);
afterAll(async () => {
  await server.end('SIGTERM');
  await rm(files, { recursive: true, force: true });
  await rm(server.dataDir, { recursive: true, force: true });
});

async function separate(model_type: string) {
  const { task_id } = await submit(server.url, form({ model_type }, { bytes: song }));
  const task = await waitForTask(server.url, task_id, ended, TEST_MS);
  expect(task).toMatchObject({ status: 'completed', attempts: 1 });
  const { stems } = parseResults((await call(server.url + task.links.results)).body);
  return { warnings: task.warnings, hashes: stems.map(({ sha256 }) => sha256) };
}

const describe = async (name: string) => (await call(`${server.url}/api/v1/models/${name}`)).body;
const loaded = () =>
  server.log.map((line) => line['line']).filter((line) => String(line).startsWith('the model '));

test(
  'the API, the log and the task say of a model that it is computed otherwise; the same files as MSST computes them stay what they were',
  async () => {
    expect(await describe('plain')).toMatchObject({ precision: 'fp32', compile: false });
    expect(await describe('fast')).toMatchObject({ precision: 'bf16', compile: true });

    const before = await separate('plain');
    const fast = await separate('fast');
    const after = await separate('plain');
    expect(fast.warnings).toEqual([
      'the model was computed in bf16 and compiled, as this server is configured: the stems differ slightly from those of MSST',
    ]);
    expect([before.warnings, after.warnings]).toEqual([[], []]);
    expect(after.hashes).toEqual(before.hashes);
    expect(fast.hashes).not.toEqual(before.hashes);
    expect(loaded()).toEqual([
      'the model plain is loaded',
      'the model fast is loaded, computed in bf16, compiled at its first chunk',
    ]);
  },
  TEST_MS,
);
