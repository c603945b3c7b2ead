/** What GET /health says of a real server whose disk and files are not as they should be. */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HealthReport } from '../../src/http/openapi/schemas.ts';
import { call } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeYaml, makeZip, putFile } from '../unit/models/modelFolder.ts';

let root: string;
let checkpoint: string;
let server: TestServer | undefined;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-health-'));
  checkpoint = path.join(root, 'pretrain/vocals.ckpt');
  await putFile(path.join(root, 'configs/config_vocals.yaml'), makeYaml({ modelType: 'mdx23c' }));
  await putFile(checkpoint, makeZip(['archive/data.pkl', 'archive/version']));
});
afterEach(async () => {
  await server?.dispose();
  server = undefined;
  await rm(root, { recursive: true, force: true });
});

/** Starts a server that scans the folder, and waits until its worker works. */
async function start(settings: Record<string, unknown> = {}): Promise<TestServer> {
  const started = await startTestServer({ msst_root: root, ...settings });
  server = started;
  await expect
    .poll(async () => (await health(started)).report.dependencies.workers.status, { timeout: 20_000 })
    .toBe('ok');
  return started;
}

async function health({ url }: TestServer): Promise<{ status: number; report: HealthReport }> {
  const answer = await call(`${url}/api/v1/health`);
  return { status: answer.status, report: answer.body as HealthReport };
}

async function expectHealth(running: TestServer, status: number, word: string, problems: string[]) {
  const { status: given, report } = await health(running);
  expect([given, report.status, report.problems]).toEqual([status, word, problems]);
}

const MISSING = 'The model "vocals" is unavailable: its checkpoint is missing.';

test('requirement 9.3: less free disk than min_free_disk is degraded, and still 200', async () => {
  const running = await start({ min_free_disk: '1000000TB' });
  const { status, report } = await health(running);
  expect([status, report.status, report.dependencies.disk.status]).toEqual([200, 'degraded', 'degraded']);
  expect(report.problems).toEqual([
    expect.stringMatching(/^The disk is nearly full: .* free, at least .* required\.$/),
  ]);
});

test('a scanned model whose file is gone is degraded, until it is back', async () => {
  const running = await start();
  await expectHealth(running, 200, 'healthy', []);
  await rename(checkpoint, `${checkpoint}.away`);
  await expectHealth(running, 200, 'degraded', [MISSING]);
  await rename(`${checkpoint}.away`, checkpoint);
  await expectHealth(running, 200, 'healthy', []);
});

test('requirement 9.4: the default model whose file is gone is unhealthy, by whatever name it is the default', async () => {
  const running = await start({ default_model_type: 'VOCALS' });
  await rename(checkpoint, `${checkpoint}.away`);
  await expectHealth(running, 503, 'unhealthy', [MISSING]);
});

test('requirement 9.4: a listed model that cannot be read is unhealthy', async () => {
  const config_path = path.join(root, 'configs/config_vocals.yaml');
  const running = await start({ models: [{ name: 'vocals', config_path, checkpoint_path: checkpoint }] });
  await expectHealth(running, 200, 'healthy', []);
  await putFile(checkpoint, 'no checkpoint at all');
  const { status, report } = await health(running);
  expect([status, report.status, report.dependencies.models.status]).toEqual([503, 'unhealthy', 'failed']);
  expect(report.dependencies.models.unavailable).toMatchObject([{ model_type: 'vocals' }]);
});
