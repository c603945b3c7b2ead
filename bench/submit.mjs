// How long an accepted task waits for a worker that has nothing else to do.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { postSong } from './post.mjs';
import { runBench } from './prepare.mjs';
import { printHeader, printTable } from './report.mjs';
import { startServer } from './server.mjs';
import { makeAudio } from './songs.mjs';
import { now } from './supervision/clock.mjs';
import { share } from './supervision/figure.mjs';
import { untilCompleted } from './supervision/tasks.mjs';
import { readNotes, STAND_IN } from './supervision/workers.mjs';

const SONG_SECONDS = 2;
const TASKS = 300;
/** Not counted: what only the first tasks of a process cost. */
const FIRST = 20;

await runBench(async (bench) => {
  printHeader('node bench/submit.mjs');
  const song = path.join(bench.folder, 'song.wav');
  const plan = path.join(bench.folder, 'plan');
  await makeAudio(bench, 'wav', song, SONG_SECONDS);
  await writeFile(plan, '');
  const server = await startServer({ ...bench, engine: STAND_IN }, { env: { STAND_IN_PLAN: plan } });
  const posted = [];
  for (let task = 0; task < FIRST + TASKS; task += 1) posted.push(await submit(server, song));
  await server.end();

  const notes = await readNotes(`${plan}.diary`);
  const begins = new Map(
    notes.filter(({ event }) => event === 'begin').map(({ task_id: id, ms }) => [id, ms]),
  );
  const waits = posted.slice(FIRST).map(({ id, ...times }) => ({ ...times, begun: begins.get(id) ?? NaN }));
  printTable([
    toRow(
      'accepted until the worker begins',
      waits.map(({ acceptedAt, begun }) => begun - acceptedAt),
    ),
    toRow(
      'posted until the worker begins',
      waits.map(({ postedAt, begun }) => begun - postedAt),
    ),
    toRow(
      'posted until the 201',
      waits.map(({ postedAt, answeredAt }) => answeredAt - postedAt),
    ),
  ]);
});

/**
 * Has one task done from its POST to its end, so that the worker is idle again.
 *
 * @param {import('./server.mjs').Server} server
 * @param {string} song
 * @returns {Promise<{ id: string, postedAt: number, acceptedAt: number, answeredAt: number }>} all by the clock of the
 *   worker's diary; `acceptedAt` is the `created_at` of the task, which has no fractions of a millisecond
 */
async function submit(server, song) {
  const { task, beganAt, answeredAt } = await postSong(server.url, song);
  const sinceOrigin = now() - performance.now();
  await untilCompleted(server, task);
  return {
    id: task.task_id,
    postedAt: beganAt + sinceOrigin,
    acceptedAt: Date.parse(task.created_at) - epochOffset(),
    answeredAt: answeredAt + sinceOrigin,
  };
}

/** What has to be taken from a time of the day (ms since the epoch) to have it by the clock that never jumps. */
function epochOffset() {
  const before = Date.now();
  let date = before;
  // Its milliseconds are whole: only where one begins is it exact.
  while (date === before) date = Date.now();
  return date - now();
}

/**
 * @param {string} wait
 * @param {number[]} values in ms
 */
function toRow(wait, values) {
  const at = (/** @type {number} */ part) => share(values, part).toFixed(1);
  return { wait, 'p50 ms': at(0.5), 'p99 ms': at(0.99), 'worst ms': at(1), n: values.length };
}
