import { createReadStream } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { freePort } from '../server.mjs';
import { now } from '../supervision/clock.mjs';
import { readModelYaml } from './contest.mjs';
import { measured } from './measured.mjs';
import { peerPython } from './peers.mjs';
import { startProgram } from './program.mjs';

const REQUIREMENTS = ['pymss[server]==2.1.12'];
const ASK_EVERY_MS = 200;

/**
 * `pymss serve`, warm. It takes nothing but raw PCM at the model's rate, which is made beforehand; all songs are posted at
 * once, as many as its queue is told to hold.
 *
 * @type {import('./contest.mjs').Contender}
 */
export async function pymss(contest) {
  const python = await peerPython(contest.bench, 'pymss', REQUIREMENTS);
  const { sampleRate } = await readModelYaml(contest.model);
  const songs = await rawSongs(contest, sampleRate);
  const { program, url } = await startServer(contest, python);
  try {
    await separate(url, contest, sampleRate, songs[0] ?? '');
    const { result, cost } = await measured(() => {
      const beganAt = now();
      return Promise.all(
        songs.map(async (song) => {
          const stems = await separate(url, contest, sampleRate, song);
          return { stems, seconds: (now() - beganAt) / 1000 };
        }),
      );
    });
    return {
      cost,
      stems: result.reduce((sum, { stems }) => sum + stems, 0),
      firstSeconds: Math.min(...result.map(({ seconds }) => seconds)),
    };
  } finally {
    await program.end();
  }
}

/**
 * @param {import('./contest.mjs').Contest} contest
 * @param {string} python
 */
async function startServer({ model, device, songs, folder, env }, python) {
  const registry = path.join(folder, 'models.json');
  const entry = { name: model.name, model_type: model.architecture };
  const files = { model_path: model.checkpoint, config_path: model.config };
  await writeFile(registry, JSON.stringify({ version: 1, models: [{ ...entry, ...files }] }));
  const port = await freePort();
  const limits = ['--max-audio-seconds', '0', '--max-queue-size', String(songs.length)];
  const onDevice = ['--device', device === 'cpu' ? 'cpu' : 'auto'];
  const program = startProgram(
    path.join(path.dirname(python), 'pymss'),
    ['serve', model.name, '--port', String(port), ...onDevice, ...limits],
    { env: { ...env, PYMSS_USER_MODELS: registry }, cwd: folder },
  );
  const url = `http://127.0.0.1:${port}`;
  await untilLoaded(url, program);
  return { program, url };
}

/**
 * @param {string} url
 * @param {import('./program.mjs').Program} program
 */
async function untilLoaded(url, program) {
  for (;;) {
    const answer = await fetch(`${url}/health`).catch(() => null);
    if (answer?.ok && /** @type {any} */ (await answer.json()).model_loaded) return;
    // Rejects when the server ended instead.
    await Promise.race([setTimeout(ASK_EVERY_MS), program.ended]);
  }
}

/**
 * @param {import('./contest.mjs').Contest} contest
 * @param {number} sampleRate
 */
async function rawSongs({ bench, songs, folder }, sampleRate) {
  const out = path.join(folder, 'raw');
  await mkdir(out);
  await bench.runPython(
    bench.engine,
    path.join(import.meta.dirname, 'raw_pcm.py'),
    String(sampleRate),
    out,
    ...songs,
  );
  return songs.map((song) => path.join(out, `${path.basename(song)}.f32`));
}

/**
 * @param {string} url
 * @param {import('./contest.mjs').Contest} contest
 * @param {number} sampleRate
 * @param {string} song
 * @returns {Promise<number>} how many stems the answer holds
 */
async function separate(url, { model }, sampleRate, song) {
  const query = new URLSearchParams({ model: model.name, format: 'pcm_f32le', channels: '2' });
  query.set('sample_rate', String(sampleRate));
  const { size } = await stat(song);
  // fetch gives up when no answer begins within five minutes.
  const request = http.request(`${url}/v1/audio/separations?${query}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': size },
    agent: false,
  });
  /** @type {Promise<http.IncomingMessage>} */
  const answered = new Promise((resolve, reject) => request.once('response', resolve).once('error', reject));
  createReadStream(song).pipe(request);
  const answer = await answered;
  const body = Buffer.concat(await answer.toArray());
  if (answer.statusCode !== 200)
    throw new Error(`it answered ${answer.statusCode}: ${body.subarray(0, 200)}`);
  return countOf(body, '"stem":');
}

/**
 * @param {Buffer} body
 * @param {string} text
 */
function countOf(body, text) {
  let count = 0;
  for (let at = body.indexOf(text); at !== -1; at = body.indexOf(text, at + 1)) count += 1;
  return count;
}
