/** The cursor of a page: good for its owner alone, over restarts too, and no measure of what others do. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { call, form } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const settings = {
  enable_auth: true,
  api_keys: [
    { name: 'ann', key: 'ann-has-a-key-of-her-own-1' },
    { name: 'ben', key: 'ben-has-a-key-of-his-own-1' },
  ],
};
const song = makeWav(0.1);
let server: TestServer;
afterEach(() => server.dispose());

const headers = (name: string) => ({
  authorization: `Bearer ${settings.api_keys.find((key) => key.name === name)?.key ?? ''}`,
});
async function submitAs(name: string): Promise<string> {
  const init = { method: 'POST', headers: headers(name), body: form({}, { bytes: song }) };
  const { body } = await call(`${server.url}/api/v1/separate`, init);
  return (body as { task_id: string }).task_id;
}
async function pageOf(name: string, cursor = '') {
  const url = `${server.url}/api/v1/tasks?limit=1&cursor=${cursor}`;
  const { status, body } = await call(url, { headers: headers(name) });
  // A refusal has neither.
  const page = body as { tasks?: { task_id: string }[]; next_cursor?: string | null };
  return { status, ids: page.tasks?.map(({ task_id }) => task_id), next: page.next_cursor ?? '' };
}

test('is sealed for its owner, and goes on where it stood after a restart', async () => {
  server = await startTestServer(settings);
  const [first, second] = [await submitAs('ann'), await submitAs('ann')];
  await submitAs('ben');
  await submitAs('ben');
  const page = await pageOf('ann');
  expect(page).toMatchObject({ status: 200, ids: [second] });
  expect(page.next).toMatch(/^[\w-]{22}$/);
  // What was numbered is not to be seen in it, nor may another use it, nor anybody a number.
  expect(Buffer.from(page.next, 'base64url').readBigUInt64BE() > 1_000_000n).toBe(true);
  expect(await pageOf('ben', page.next)).toMatchObject({ status: 400 });
  expect(await pageOf('ann', '2')).toMatchObject({ status: 400 });

  await server.stop();
  server = await startTestServer(settings, server.dataDir);
  expect(await pageOf('ann', page.next)).toMatchObject({ status: 200, ids: [first], next: '' });
  const { mode, size } = await stat(path.join(server.dataDir, 'cursor.key'));
  expect([mode & 0o777, size]).toEqual([0o600, 32]);
});
