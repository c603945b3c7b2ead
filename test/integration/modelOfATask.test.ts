/** A task that waited through a restart runs with the model that it was submitted for, or says what became of it. */
import { utimes } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ended, form, submit, waitForTask } from '../support/client.ts';
import { listModels, type ListedModels } from '../support/listedModels.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';
import { makeYaml, putFile } from '../unit/models/modelFolder.ts';

const INSTRUMENTS = ['vocals', 'other'];
const FACTS = { modelType: 'mdx23c', instruments: INSTRUMENTS };
const song = makeWav(1);

let models: ListedModels;
let server: TestServer;

beforeEach(async () => {
  // The first two have names by which others would be found too: an architecture, and one that differs in case.
  models = await listModels({ mdx23c: FACTS, Loud: FACTS, same: FACTS, changed: FACTS, smaller: FACTS });
});
afterEach(async () => {
  await server.dispose();
  await models.dispose();
});

const submitTo = async (model_type: string) =>
  (await submit(server.url, form({ model_type }, { bytes: song }))).task_id;

/** Tasks of these models that wait while a server stops, which another goes on with after the change. */
async function acrossARestart(
  names: readonly string[],
  change: () => Promise<unknown>,
  after = models.entries,
) {
  server = await startTestServer({ models: models.entries }, undefined, ['hang']);
  await submitTo('starter');
  const ids = [];
  for (const name of names) ids.push(await submitTo(name));
  await server.stop(0);
  await change();
  server = await startTestServer({ models: after }, server.dataDir);
  return Promise.all(ids.map((id) => waitForTask(server.url, id, ended)));
}

test('a model that is gone is named, and no other takes its place', async () => {
  const left = models.entries.filter(({ name }) => name !== 'mdx23c' && name !== 'Loud');
  const other = models.entries.find(({ name }) => name === 'Loud');
  const tasks = await acrossARestart(['mdx23c', 'Loud'], async () => undefined, [
    ...left,
    { ...other, name: 'loud' } as (typeof left)[number],
  ]);
  expect(tasks.map(({ error }) => error?.message)).toEqual([
    'This server has no model "mdx23c" any more.',
    'This server has no model "Loud" any more.',
  ]);
});

test('one whose files changed is warned about, one that lost a stem fails, one that is as it was says nothing', async () => {
  const [same, changed, smaller] = await acrossARestart(['same', 'changed', 'smaller'], async () => {
    await utimes(models.checkpointOf('changed'), 1, 1);
    const yaml = path.join(path.dirname(models.checkpointOf('smaller')), 'smaller.yaml');
    await putFile(yaml, makeYaml({ ...FACTS, instruments: ['vocals'] }));
  });
  expect(same).toMatchObject({ status: 'completed', warnings: [] });
  expect(changed).toMatchObject({
    status: 'completed',
    warnings: [expect.stringMatching(/^The model "changed" was changed on the server after this task/)],
  });
  expect(smaller).toMatchObject({
    status: 'failed',
    error: { message: expect.stringContaining('has no other any more') },
  });
});

test('a task of a server that kept no version runs by the exact name, without a word', async () => {
  const [task] = await acrossARestart(['changed'], async () => {
    const database = new Database(path.join(server.dataDir, 'tasks.db'));
    database.exec(`UPDATE tasks SET plan = json_remove(plan, '$.steps[0].version')`);
    database.close();
    await utimes(models.checkpointOf('changed'), 1, 1);
  });
  expect(task).toMatchObject({ status: 'completed', warnings: [] });
});
