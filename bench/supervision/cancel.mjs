import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { postSong } from '../post.mjs';
import { startServer } from '../server.mjs';
import { makeAudio } from '../songs.mjs';
import { now } from './clock.mjs';
import { share } from './figure.mjs';
import { isSeparating, untilCompleted, untilTask } from './tasks.mjs';
import { launcher, readNotes, STAND_IN } from './workers.mjs';

const CANCELS = 20;
const IGNORED_CANCELS = 3;
const SONG_SECONDS = 60;
/** A cancel comes anywhere in these, whatever a chunk takes. */
const SPREAD_MS = 1000;
const WORST_SECONDS = 10.5;

/**
 * How soon a cancel is answered, and its worker free for the next task.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @returns {Promise<import('./figure.mjs').Figure[]>}
 */
export async function measureCancel(bench) {
  return [...(await heard(bench)), ...(await ignored(bench))];
}

/**
 * The real engine, which looks whether it is cancelled before each chunk.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @returns {Promise<import('./figure.mjs').Figure[]>}
 */
async function heard(bench) {
  const song = path.join(bench.folder, 'song.wav');
  const notesFile = path.join(bench.folder, 'cancel-notes');
  await makeAudio(bench, 'wav', song, SONG_SECONDS);
  const engine = await launcher(bench, bench.engine, 'watched_worker.py');
  const server = await startServer({ ...bench, engine }, { env: { WATCHED_NOTES: notesFile } });
  const whole = (await postSong(server.url, song)).task;
  await untilCompleted(server, whole);

  const cancels = [];
  let { task } = await postSong(server.url, song);
  for (let cancel = 0; cancel < CANCELS; cancel += 1) {
    const next = (await postSong(server.url, song)).task;
    await untilTask(server, task, isSeparating);
    await setTimeout((SPREAD_MS * cancel) / CANCELS);
    cancels.push({ task, next, ...(await cancelTask(server, task)) });
    task = next;
  }
  await untilTask(server, task, isSeparating);
  await server.end();

  const notes = await readNotes(notesFile);
  const chunksOf = (/** @type {{ task_id: string }} */ { task_id: id }) =>
    notes.filter((note) => note.event === 'chunk' && note.task_id === id).map(({ ms }) => ms);
  const at = (/** @type {string} */ event, /** @type {{ task_id: string }} */ { task_id: id }) =>
    notes.find((note) => note.event === event && note.task_id === id)?.ms ?? NaN;
  const chunks = [whole, ...cancels.map((each) => each.task)].flatMap((each) =>
    chunksOf(each).flatMap((ms, place, all) => (place > 0 ? [ms - (all[place - 1] ?? 0)] : [])),
  );
  const aim = /** @type {const} */ ({ of: 'p95', most: share(chunks, 0.95) });
  const late = cancels.map((each) => chunksOf(each.task).filter((ms) => ms > each.answeredAt).length);
  const freed = cancels.map(({ task: old, askedAt }) => at('end', old) - askedAt);
  const begun = cancels.map(({ next, askedAt }) => at('begin', next) - askedAt);
  return [
    {
      figure: 'POST …/cancel answered',
      unit: 'ms',
      values: cancels.map(({ askedAt, answeredAt }) => answeredAt - askedAt),
    },
    { figure: 'a chunk', unit: 'ms', values: chunks },
    {
      figure: 'chunks begun after the answer',
      unit: 'chunks',
      values: late,
      aim: { of: 'worst', most: 0 },
    },
    { figure: 'cancel until the worker lets go', unit: 'ms', values: freed, aim },
    { figure: 'cancel until the next task begins', unit: 'ms', values: begun },
  ];
}

/**
 * A worker that never looks: it is killed, and the next one takes the next task.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @returns {Promise<import('./figure.mjs').Figure[]>}
 */
async function ignored(bench) {
  const song = path.join(bench.folder, 'song.wav');
  const plan = path.join(bench.folder, 'plan');
  const server = await startServer({ ...bench, engine: STAND_IN }, { env: { STAND_IN_PLAN: plan } });
  const gone = [];
  const begun = [];
  for (let cancel = 0; cancel < IGNORED_CANCELS; cancel += 1) {
    await writeFile(plan, 'ignore-cancel\n');
    const { task } = await postSong(server.url, song);
    await untilTask(server, task, isSeparating);
    const next = (await postSong(server.url, song)).task;
    const died = server.nextLine(({ msg }) => msg === 'a worker died');
    const { askedAt } = await cancelTask(server, task);
    await died;
    gone.push((now() - askedAt) / 1000);
    await untilCompleted(server, next);
    const notes = await readNotes(`${plan}.diary`);
    const began = notes.find(({ event, task_id: id }) => event === 'begin' && id === next.task_id);
    begun.push(((began?.ms ?? NaN) - askedAt) / 1000);
  }
  await server.end();
  const aim = /** @type {const} */ ({ of: 'worst', most: WORST_SECONDS });
  return [
    { figure: 'ignored cancel until the worker is gone', unit: 's', values: gone, aim },
    { figure: 'ignored cancel until the next task begins', unit: 's', values: begun, aim },
  ];
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {import('./tasks.mjs').Task} task
 */
async function cancelTask(server, task) {
  const askedAt = now();
  const answer = await fetch(server.url + task.links.cancel, { method: 'POST' });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`not cancelled: ${answer.status} ${text}`);
  return { askedAt, answeredAt: now() };
}
