/** The running server against its own OpenAPI document, tried by schemathesis: four phases, good and bad requests. */
import { execa } from 'execa';
import path from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../support/serverProcess.ts';
import { testPython } from '../support/python.ts';
import { startTestServer } from '../support/testServer.ts';

const RUN_MS = 240_000;
/** More than the tasks of a run. */
const MANY = 5_000;
const KEY = 'a-key-of-the-contract-run';
const contract = path.join(projectRoot, 'test/contract');

test.each([
  [
    'without authentication, while tasks are completed',
    {},
    [],
    'ok',
    ['DELETE /tasks/:task_id 204', 'GET /tasks/:task_id/results 200', 'GET /download/:task_id/:filename 200'],
  ],
  [
    'with authentication, while tasks run and wait',
    { enable_auth: true, api_keys: [KEY] },
    ['--header', `Authorization: Bearer ${KEY}`],
    'hang',
    ['POST /tasks/:task_id/cancel 200', 'GET /tasks/:task_id/results 409', 'GET /tasks 401'],
  ],
])(
  'every answer is as /openapi.json says, %s',
  async (_name, settings, args, step, reached) => {
    const server = await startTestServer(settings);
    await server.plan(...Array<string>(MANY).fill(step));
    try {
      const { exitCode, all } = await execa(
        testPython,
        [
          ...['-m', 'schemathesis.cli', '--config-file', path.join(contract, 'schemathesis.toml')],
          ...['run', `${server.url}/openapi.json`, '--no-color', ...args],
        ],
        {
          env: { SCHEMATHESIS_HOOKS: path.join(contract, 'hooks.py'), PYTHONDONTWRITEBYTECODE: '1' },
          cwd: server.dataDir,
          all: true,
          reject: false,
        },
      );
      expect(exitCode, all).toBe(0);
      // A run that never got anywhere would find nothing either.
      expect(await answersGiven(server.url)).toEqual(expect.arrayContaining(reached));
    } finally {
      await server.dispose();
    }
  },
  RUN_MS,
);

/** Every kind of answer the server gave, as method, route and status. */
async function answersGiven(url: string): Promise<string[]> {
  const headers = { accept: 'text/plain', authorization: `Bearer ${KEY}` };
  const text = await (await fetch(`${url}/api/v1/metrics`, { headers })).text();
  return [
    ...text.matchAll(/^msst_http_requests_total\{method="(\w+)",route="\/api\/v1([^"]*)",status="(\d+)"/gm),
  ].map(([, method, route, status]) => [method, route, status].join(' '));
}
