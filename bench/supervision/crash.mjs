import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { postSong } from '../post.mjs';
import { startServer } from '../server.mjs';
import { makeAudio } from '../songs.mjs';
import { now } from './clock.mjs';
import { isSeparating, untilCompleted, untilTask } from './tasks.mjs';
import { STAND_IN } from './workers.mjs';

const KILLS = 20;
export const DETECTED_WITHIN_MS = 100;

/**
 * How soon the server knows that a worker is dead: the pure share of the server, for the stand-in is gone at once.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @returns {Promise<import('./figure.mjs').Figure[]>}
 */
export async function measureCrash(bench) {
  const song = path.join(bench.folder, 'song.wav');
  const plan = path.join(bench.folder, 'plan');
  await makeAudio(bench, 'wav', song, 2);
  const server = await startServer({ ...bench, engine: STAND_IN }, { env: { STAND_IN_PLAN: plan } });
  let { pid } = await server.line(isReady);
  const idle = [];
  const busy = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const first = await killWorker(server, pid);
    idle.push(first.detectedMs);
    await writeFile(plan, 'hang\n');
    const { task } = await postSong(server.url, song);
    await untilTask(server, task, isSeparating);
    const second = await killWorker(server, await first.nextPid);
    busy.push(second.detectedMs);
    pid = await second.nextPid;
    // A worker that has done its part ends the row of deaths, which would end in a quarantine.
    await untilCompleted(server, task);
  }
  await server.end();
  const aim = /** @type {const} */ ({ of: 'worst', most: DETECTED_WITHIN_MS });
  return [
    { figure: 'crash of an idle worker known', unit: 'ms', values: idle, aim },
    { figure: 'crash of a busy worker known', unit: 'ms', values: busy, aim },
  ];
}

/**
 * Kills a worker and waits until the server says that it died. From that moment on health says so too.
 *
 * @param {import('../server.mjs').Server} server
 * @param {number} pid
 */
export async function killWorker(server, pid) {
  const died = server.nextLine(({ msg }) => msg === 'a worker died');
  const ready = server.nextLine(isReady);
  const killedAt = now();
  process.kill(pid, 'SIGKILL');
  await died;
  return { killedAt, detectedMs: now() - killedAt, nextPid: ready.then((line) => Number(line.pid)) };
}

/** A worker is ready. @param {Record<string, any>} line */
export const isReady = ({ msg }) => msg === 'a worker is ready';
