import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { postSong } from '../post.mjs';
import { startServer } from '../server.mjs';
import { makeAudio } from '../songs.mjs';
import { now } from './clock.mjs';
import { childrenOf, isAlive } from './processes.mjs';
import { isSeparating, untilTask } from './tasks.mjs';
import { launcher, readNotes } from './workers.mjs';

const KILLS = 10;
const SONG_SECONDS = 60;
const AIM_MS = 1000;
/** A child that lives so much longer is ended by the bench. */
const GIVE_UP_MS = 10_000;
/** One worker and a media child. */
const CHILDREN = 2;

/**
 * How long the children live on after their server was killed: the last of them, each time.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @returns {Promise<import('./figure.mjs').Figure[]>}
 */
export async function measureOrphans(bench) {
  const song = path.join(bench.folder, 'song.wav');
  await makeAudio(bench, 'wav', song, SONG_SECONDS);
  const aim = /** @type {const} */ ({ of: 'worst', most: AIM_MS });
  const computing = await killServers(bench, song, {});
  const stuck = await killServers(bench, song, { WATCHED_HOLD_GIL: '1' });
  return [
    {
      figure: 'kill -9 of a server that computes until its last child is gone',
      unit: 'ms',
      values: computing,
      aim,
    },
    { figure: 'the same with a worker that holds the GIL', unit: 'ms', values: stuck, aim },
  ];
}

/**
 * @param {import('../prepare.mjs').Bench} bench
 * @param {string} song
 * @param {NodeJS.ProcessEnv} env
 */
async function killServers(bench, song, env) {
  const lives = [];
  for (let kill = 0; kill < KILLS; kill += 1) lives.push(await killServer(bench, song, env));
  return lives;
}

/**
 * @param {import('../prepare.mjs').Bench} bench
 * @param {string} song
 * @param {NodeJS.ProcessEnv} env
 */
async function killServer(bench, song, env) {
  const notes = path.join(bench.folder, `orphan-notes-${now()}`);
  const engine = await launcher(bench, bench.engine, 'watched_worker.py');
  const server = await startServer({ ...bench, engine }, { env: { ...env, WATCHED_NOTES: notes } });
  const { task } = await postSong(server.url, song);
  if (env.WATCHED_HOLD_GIL) while ((await readNotes(notes)).length === 0) await setTimeout(10);
  else await untilTask(server, task, isSeparating);
  // The first chunk, or the regular expression, is well under way.
  await setTimeout(100);

  const children = childrenOf(server.pid);
  if (children.length < CHILDREN) throw new Error(`the server has ${children.length} children`);
  const killedAt = now();
  server.kill();
  while (children.some(isAlive) && now() - killedAt < GIVE_UP_MS) await setTimeout(1);
  const lived = now() - killedAt;
  for (const pid of children.filter(isAlive)) process.kill(pid, 'SIGKILL');
  await server.end();
  return lived;
}
