/** A server answers and accepts before it knows what its tasks will run on. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HealthReport } from '../../src/http/openapi/schemas.ts';
import { call, ended, form, submit, waitForTask } from '../support/client.ts';
import { pretendGpus, type PretendedGpus } from '../support/pretendedGpus.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

let gpus: PretendedGpus;
let server: TestServer | undefined;
let letGo: () => Promise<void>;

beforeEach(async () => {
  gpus = await pretendGpus();
  await gpus.set(['GPU-1']);
  letGo = await gpus.hold();
});
afterEach(async () => {
  await letGo();
  await server?.dispose();
  server = undefined;
  await gpus.remove();
});

test('while the GPUs are looked for, health says so and tasks are accepted; they are done once one is found', async () => {
  server = await startTestServer({ devices: 'auto' });
  const answer = await call(`${server.url}/api/v1/health`);
  const report = answer.body as HealthReport;
  expect([answer.status, report.status]).toEqual([200, 'degraded']);
  expect(report.problems).toContain('No worker has started yet: GPU detection is still running.');
  const { task_id, status } = await submit(server.url, form({}, { bytes: makeWav(0.1) }));
  expect(status).toBe('pending');

  await letGo();
  expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed' });
});

test('a server that is stopped while the GPUs are looked for does not wait for them', async () => {
  server = await startTestServer({ devices: 'auto' });
  await server.stop();
});
