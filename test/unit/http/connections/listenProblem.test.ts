import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { describeListenProblem } from '../../../../src/http/connections/listenProblem.ts';

/** What the system says to this address, or null where it has it after all. */
function refusalOf(host: string, port = 0): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(port, host, () => {
      server.close(() => {
        resolve(null);
      });
    });
  });
}

test.each(['999.1.1.1', 'no-such-name.invalid', '[::1]', '127.0.0.1:80', 'http://127.0.0.1', 'a b'])(
  'the host %s is told as no address and no name, with what is allowed',
  async (host) => {
    const error = await refusalOf(host);
    const said = error && describeListenProblem(error, { host, port: 80 });
    expect(said).toContain(`cannot listen on "${host}": it is neither an address nor a name`);
    expect(said).toMatch(/Set host to 127\.0\.0\.1, .*0\.0\.0\.0 or :: for all/);
  },
);

test.each(['203.0.113.7', 'fe80::1%nowhere'])('%s is told as no address of this machine', async (host) => {
  const error = await refusalOf(host);
  const said = error && describeListenProblem(error, { host, port: 80 });
  expect(said).toContain(`cannot listen on "${host}": it is not an address of this machine`);
  expect(said).toContain('Set host to 127.0.0.1, ');
});

test.each([
  ['EADDRINUSE', 'Port 80 on localhost is in use. Choose another: npm start -- --port N'],
  [
    'EACCES',
    'The user of this server may not listen on port 80 of localhost (EACCES). Ports from 1024 to 65535 are usually allowed: npm start -- --port N',
  ],
])('a port that is not to be had (%s) is told with the option for another', (code, said) => {
  const error = Object.assign(new Error(code), { code, syscall: 'listen' });
  expect(describeListenProblem(error, { host: 'localhost', port: 80 })).toBe(said);
});

test('an error of something else is none of listening, whatever its code', () => {
  const error = Object.assign(new Error('mkdir'), { code: 'EACCES', syscall: 'mkdir' });
  expect(describeListenProblem(error, { host: 'localhost', port: 80 })).toBeNull();
});
