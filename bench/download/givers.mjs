import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { postSong } from '../post.mjs';
import { startServer } from '../server.mjs';
import { makeAudio, writeNoiseWav } from '../songs.mjs';
import { untilCompleted } from '../supervision/tasks.mjs';
import { STAND_IN } from '../supervision/workers.mjs';

/** A stereo sample of two floats. */
const FRAME_BYTES = 8;
const SONG_SECONDS = 1;

/**
 * Somebody who gives out files.
 *
 * @typedef {object} Giver
 * @property {string} name
 * @property {number} pid
 * @property {string[]} urls of a file of each size
 * @property {() => Promise<void>} end
 */

/**
 * Our server, with one completed task for each size, that has one stem of it.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @param {readonly number[]} sizes in bytes
 * @returns {Promise<Giver>}
 */
export async function ourServer(bench, sizes) {
  const song = path.join(bench.folder, 'short.wav');
  const plan = path.join(bench.folder, 'download-plan');
  await makeAudio(bench, 'wav', song, SONG_SECONDS);
  await writeFile(plan, sizes.map((bytes) => `encode:1:${Math.round(bytes / FRAME_BYTES)}:2:0.5\n`).join(''));
  const env = { STAND_IN_PLAN: plan, STAND_IN_PYTHON: bench.engine };
  const server = await startServer({ ...bench, engine: STAND_IN }, { env });
  const urls = [];
  while (urls.length < sizes.length) {
    const { task } = await postSong(server.url, song, {
      fields: { instruments: 'drums', pcm_type: 'FLOAT' },
    });
    await untilCompleted(server, task);
    const answer = await fetch(server.url + task.links.results);
    const { stems } = /** @type {{ stems: { url: string }[] }} */ (await answer.json());
    urls.push(server.url + stems[0]?.url);
  }
  server.ignoreLog();
  return { name: 'ours', pid: server.pid, urls, end: server.end };
}

/**
 * A server of a few lines for each size, to compare with; its process is that of the last one.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @param {number} bytes
 * @returns {Promise<Giver>}
 */
export async function plainServer(bench, bytes) {
  const file = path.join(bench.folder, 'plain.wav');
  await writeNoiseWav(file, bytes);
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'plainServer.mjs'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill();
  process.once('exit', kill);
  const [url] = await once(createInterface({ input: child.stdout }), 'line');
  return {
    name: 'plain',
    pid: /** @type {number} */ (child.pid),
    urls: [url],
    async end() {
      const exit = once(child, 'exit');
      child.kill();
      await exit;
      process.off('exit', kill);
    },
  };
}
