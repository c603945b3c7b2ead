import { afterEach, expect, test } from 'vitest';
import { call, ended, form, parseProblem, submit, waitForTask } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

let server: TestServer;
afterEach(() => server.dispose());

test('below reserve_disk no upload is taken, with a sentence, and everything else is as ever', async () => {
  server = await startTestServer();
  const { task_id } = await submit(server.url, form({}, { bytes: makeWav(1) }));
  await waitForTask(server.url, task_id, ended);
  await server.stop();
  server = await startTestServer({ reserve_disk: '1000000TB' }, server.dataDir);
  const refused = await call(`${server.url}/api/v1/separate`, {
    method: 'POST',
    body: form({}, { bytes: makeWav(1) }),
  });
  expect(refused.status).toBe(507);
  expect(parseProblem(refused.body).error).toMatchObject({
    code: 'INSUFFICIENT_STORAGE',
    message: expect.stringContaining('Delete tasks you no longer need'),
  });
  const task = `${server.url}/api/v1/tasks/${task_id}`;
  expect((await call(`${task}/results`)).status).toBe(200);
  expect((await call(task, { method: 'DELETE' })).status).toBe(204);
  expect(await server.stored('results')).toEqual([]);
});
