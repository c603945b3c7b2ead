import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLog, type Log } from '../../../src/log/log.ts';
import { RotatingFile } from '../../../src/log/rotatingFile.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

/** What a log file holds after `write`. */
async function logged(write: (log: Log) => void): Promise<string> {
  const file = path.join(await temporaryFolder(), 'server.log');
  const lines = new RotatingFile({ path: file, maxBytes: 1e6, maxFiles: 2 });
  write(createLog('info', { file: lines, stdout: false }));
  await turn();
  lines.close();
  return readFile(file, 'utf8');
}

test('a line is JSON with level, time and message, there after the turn it was logged in', async () => {
  const text = await logged((log) => {
    log.debug('too low');
    log.warn({ taskId: 'a' }, 'something');
  });
  expect(text.endsWith('\n')).toBe(true);
  const entry = JSON.parse(text) as Record<string, unknown>;
  expect(entry).toEqual({ level: 40, time: expect.any(String) as string, taskId: 'a', msg: 'something' });
  expect(new Date(entry['time'] as string).toISOString()).toBe(entry['time']);
});

test('an error is written with its stack and that of its cause', async () => {
  const cause = new TypeError('the cause');
  const text = await logged((log) => {
    log.error({ err: new Error('the outcome', { cause }) }, 'it failed');
  });
  const { err } = JSON.parse(text) as { err: { stack: string } };
  expect(err.stack).toContain('Error: the outcome\n    at ');
  expect(err.stack).toContain('TypeError: the cause\n    at ');
});

test('keys and cookies are not written, wherever headers stand', async () => {
  const secrets = {
    authorization: 'Bearer s3cret',
    cookie: 's3cret',
    Authorization: 's3cret',
    Cookie: 's3cret',
  };
  const text = await logged((log) => {
    log.info({ ...secrets, headers: secrets, req: { headers: secrets, method: 'GET' } }, 'request');
    log.child(secrets).info({}, 'request');
  });
  expect(text).not.toContain('s3cret');
  expect(text).toContain('GET');
});

test('no string breaks a line, whatever is in it', async () => {
  const all = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)).join('');
  const hostile = `${all}\r\n{"level":60,"msg":"forged"}\n\u2028\u2029\u202e\ud800`;
  const text = await logged((log) => {
    log.info({ filename: hostile, [hostile]: hostile, err: new Error(hostile) }, 'first');
    log.info({ filename: hostile }, 'second');
  });
  const lines = text.split('\n');
  expect(lines).toHaveLength(3);
  const entries = lines.slice(0, 2).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(entries.map((entry) => entry['msg'])).toEqual(['first', 'second']);
  expect(entries[0]?.['filename']).toBe(hostile);

  expect(lines.join('')).not.toMatch(/[\u0000-\u001f]/);
});
