/** A client that lost its 201 because the server was killed: it sends again under its key. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { taskSchema } from '../../src/http/openapi/schemas.ts';
import { call, ended, form, waitForTask } from '../support/client.ts';
import { startServerProcess, type ServerProcess } from '../support/serverProcess.ts';
import { makeWav } from '../support/wav.ts';

const standIn = path.resolve(import.meta.dirname, '../support/standIn/worker.mjs');
const song = makeWav(0.5);
let dataDir: string;
let running: ServerProcess[];

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-again-'));
  await writeFile(path.join(dataDir, 'plan'), '');
  running = [];
});
afterEach(async () => {
  for (const server of running) await server.end('SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<ServerProcess> {
  const server = await startServerProcess({
    dataDir,
    env: { MSST_SERVE_INTERNAL_ENGINE_PYTHON: standIn, STAND_IN_PLAN: path.join(dataDir, 'plan') },
  });
  running.push(server);
  return server;
}

const send = (server: ServerProcess) =>
  call(`${server.url}/api/v1/separate`, {
    method: 'POST',
    body: form({}, { bytes: song }),
    headers: { 'idempotency-key': 'the-night-of-the-power-cut' },
  });

test('a submission that the server was killed after is one task, however often it is sent again', async () => {
  const first = await start();
  const { task_id } = taskSchema.parse((await send(first)).body);
  await first.end('SIGKILL');

  const second = await start();
  const again = await send(second);
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
  expect(taskSchema.parse(again.body).task_id).toBe(task_id);
  expect(await waitForTask(second.url, task_id, ended)).toMatchObject({ status: 'completed' });
  expect(taskSchema.parse((await send(second)).body)).toMatchObject({ task_id, status: 'completed' });
  expect(await readdir(path.join(dataDir, 'inputs'))).toHaveLength(1);
  expect((await call(`${second.url}/api/v1/tasks`)).body).toMatchObject({ tasks: [{ task_id }] });
});
