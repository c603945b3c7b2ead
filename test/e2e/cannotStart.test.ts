/** A server that cannot listen, or keep its data, where it was told to: one sentence, no stack, and an exit code. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runMain } from '../support/mainProcess.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

async function fatalLines(host: string, port: number): Promise<Record<string, unknown>[]> {
  const folder = await temporaryFolder();
  await writeFile(path.join(folder, 'config.json'), JSON.stringify({ host, port, devices: ['cpu'] }));
  const { exitCode, stdout, stderr } = await runMain([], folder);
  expect([exitCode, stderr]).toEqual([1, '']);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return lines.filter(({ level }) => level === 60);
}

test.each(['999.1.1.1', 'no-such-name.invalid', '203.0.113.7'])(
  'listening on %s is told in one sentence',
  async (host) => {
    const fatal = await fatalLines(host, 0);
    expect(fatal).toEqual([{ level: 60, time: expect.any(String), msg: expect.stringContaining(host) }]);
    expect(fatal[0]?.['msg']).toContain('Set host to 127.0.0.1, ');
  },
);

test('listening on a port that is in use is told in one sentence', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  try {
    const msg = `Port ${String(port)} on 127.0.0.1 is in use. Choose another: npm start -- --port N`;
    expect(await fatalLines('127.0.0.1', port)).toEqual([{ level: 60, time: expect.any(String), msg }]);
  } finally {
    other.close();
  }
});

test.each(['/proc/not-a-process/data', '/dev/null/data'])(
  'a data directory that cannot be made, %s, is told in one sentence',
  async (dataDir) => {
    const { exitCode, stdout, stderr } = await runMain(['--data-dir', dataDir], await temporaryFolder());
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(JSON.parse(stderr)).toEqual({
      level: 60,
      time: expect.any(String),
      msg: expect.stringContaining(`The data directory ${dataDir} cannot be made (`),
    });
  },
);
