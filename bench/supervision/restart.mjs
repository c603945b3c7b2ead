import path from 'node:path';

import { postSong } from '../post.mjs';
import { startServer } from '../server.mjs';
import { makeAudio } from '../songs.mjs';
import { now } from './clock.mjs';
import { DETECTED_WITHIN_MS, isReady, killWorker } from './crash.mjs';
import { spawnedAtMs } from './processes.mjs';
import { isSeparating, untilCompleted, untilTask } from './tasks.mjs';

const KILLS = 3;
const SONG_SECONDS = 24;
const AIM_SECONDS = 1;

/**
 * How long a crash in the midst of a task keeps it from computing, with the real engine.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @returns {Promise<import('./figure.mjs').Figure[]>}
 */
export async function measureRestart(bench) {
  const song = path.join(bench.folder, 'song.wav');
  await makeAudio(bench, 'wav', song, SONG_SECONDS);
  const server = await startServer(bench);
  let { pid } = await server.line(isReady);
  /** @type {Awaited<ReturnType<typeof crashOnce>>[]} */
  const runs = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const run = await crashOnce(server, song, pid);
    runs.push(run);
    pid = run.nextPid;
  }
  await server.end();
  const all = (/** @type {(run: typeof runs[0]) => number} */ of) => runs.map(of);
  return [
    {
      figure: 'crash of the real engine, in a chunk, known',
      unit: 'ms',
      values: all(({ detectedMs }) => detectedMs),
      aim: { of: 'worst', most: DETECTED_WITHIN_MS },
    },
    { figure: 'crash until it computes again', unit: 's', values: all(({ again }) => again) },
    { figure: '– of it import', unit: 's', values: all(({ importing }) => importing) },
    { figure: '– of it load', unit: 's', values: all(({ loading }) => loading) },
    {
      figure: '– of it all else',
      unit: 's',
      values: all(({ again, importing, loading }) => again - importing - loading),
      aim: { of: 'worst', most: AIM_SECONDS },
    },
  ];
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {string} song
 * @param {number} pid of the worker
 */
async function crashOnce(server, song, pid) {
  const { task } = await postSong(server.url, song);
  await untilTask(server, task, (found) => isSeparating(found) && found.progress.percent > 10);
  const { killedAt, detectedMs, nextPid } = await killWorker(server, pid);
  const ready = nextPid.then((next) => ({ next, at: now(), spawnedAt: spawnedAtMs(next) }));
  await untilTask(server, task, (found) => found.attempts === 2 && isSeparating(found));
  const again = (now() - killedAt) / 1000;
  const { next, at, spawnedAt } = await ready;
  await untilCompleted(server, task);
  const { stageSeconds } = await server.line(
    ({ msg, taskId }) => msg === 'an attempt computed its stems' && taskId === task.task_id,
  );
  return {
    detectedMs,
    again,
    importing: (at - spawnedAt) / 1000,
    loading: Number(stageSeconds.loading_model),
    nextPid: next,
  };
}
