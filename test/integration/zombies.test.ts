import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ended, form, submit, waitForTask } from '../support/client.ts';
import { standInsOf } from '../support/standIn/standIns.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const DEATHS = 8;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.dispose());

test('workers that died leave no zombie behind, however many they were', async () => {
  // A task done between two deaths has the next worker start at once.
  await server.plan(...Array.from({ length: DEATHS }, () => ['die', 'ok']).flat());
  const song = makeWav(0.2);
  for (let death = 0; death < DEATHS; death += 1) {
    const { task_id } = await submit(server.url, form({}, { bytes: song }));
    expect(await waitForTask(server.url, task_id, ended)).toMatchObject({ status: 'completed', attempts: 2 });
  }
  const diary = await standInsOf(server).diary();
  const dead = diary.filter(({ event }) => event === 'die').map(({ pid }) => pid);
  expect(new Set(dead).size).toBe(DEATHS);
  await expect.poll(() => Promise.all(dead.map(stateOf))).toEqual(Array(DEATHS).fill('gone'));
  expect(await zombieChildren()).toEqual([]);
});

/** The state of a process as the kernel names it: `Z` for one that ended and was not waited for. */
async function stateOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => undefined);
  // After the name, which may itself hold blanks and parentheses.
  return stat === undefined ? 'gone' : stat.charAt(stat.lastIndexOf(')') + 2);
}

/** The zombies among the children of this process, which is the server's. */
async function zombieChildren(): Promise<string[]> {
  const threads = await readdir('/proc/self/task');
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/self/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  const children = lists.flatMap((list) => list.split(' ').filter(Boolean));
  const states = await Promise.all(children.map((pid) => stateOf(Number(pid))));
  return children.filter((_, at) => states[at] === 'Z');
}
