/** Many slow files of one client: another one's 201 does not wait for them, and the wait of those that wait is told. */
import { readdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { call, form } from '../support/client.ts';
import { misbehavingChild } from '../support/childCommand.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';

const servers: TestServer[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(servers.splice(0).map((server) => server.dispose()));
});

const KEYS = [
  { name: 'greedy', key: 'greedy-key-of-32-characters-0000' },
  { name: 'other', key: 'other-key-of-32-characters-00000' },
];

describe.each([
  [
    'of one key',
    { enable_auth: true, api_keys: KEYS },
    (who: number): Record<string, string> => ({ authorization: `Bearer ${KEYS[who]?.key ?? ''}` }),
  ],
  [
    'of one address, with authentication off',
    { trust_proxy: true },
    (who: number): Record<string, string> => ({ 'x-forwarded-for': `192.0.2.${String(who)}` }),
  ],
])('slow files %s', (_whose, settings, from) => {
  test('take as many places as there are cores, and leave another its own', async () => {
    // A child that looks into a file for as long as the file says.
    vi.stubEnv('MSST_SERVE_INTERNAL_MEDIA_PYTHON', misbehavingChild().python);
    const server = await startTestServer({ devices: ['cpu'], ...settings });
    servers.push(server);
    const gate = path.join(await temporaryFolder(), 'gate');
    const upload = (who: number, content: string) =>
      call(`${server.url}/api/v1/separate`, {
        method: 'POST',
        headers: from(who),
        body: form({}, { bytes: Buffer.from(content) }),
      });
    const cores = availableParallelism();
    const slow = Array.from({ length: cores + 4 }, () => upload(0, `wait:${gate}`));
    const ended = vi.fn();
    for (const each of slow) void each.then(ended);
    await expect.poll(() => readdir(path.dirname(gate)), { timeout: 20_000 }).toHaveLength(cores);

    const other = await upload(1, 'RIFF');
    expect(other.status).toBe(201);
    expect(other.headers.get('server-timing')).toMatch(/^wait;dur=\d+$/);
    expect(ended).not.toHaveBeenCalled();

    await writeFile(gate, '');
    const answers = await Promise.all(slow);
    expect(answers.map(({ status }) => status)).toEqual(slow.map(() => 201));
    const waits = answers.map(({ headers }) => Number(headers.get('server-timing')?.split('=')[1]));
    expect(waits.filter((wait) => wait > 0).length).toBeGreaterThanOrEqual(4);
  });
});
