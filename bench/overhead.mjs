// What a warm 60 s song costs outside the model: all the server does, and all MSST does around its forward calls.
// node bench/overhead.mjs [everyday] [starter]
import path from 'node:path';

import { everydayModel, toSetting } from './models.mjs';
import { postSong } from './post.mjs';
import { built, projectRoot, runBench } from './prepare.mjs';
import { median, printHeader, printTable } from './report.mjs';
import { startServer } from './server.mjs';
import { makeAudio } from './songs.mjs';

const SONG_SECONDS = 60;
/** How often each model separates the song, after a first time that loads and warms it. */
const RUNS = { everyday: 2, starter: 3 };
const PROBES = 5;

await runBench(async (bench) => {
  const asked = process.argv.slice(2);
  printHeader(['node bench/overhead.mjs', ...asked].join(' '));
  const song = path.join(bench.folder, 'song.wav');
  await makeAudio(bench, 'wav', song, SONG_SECONDS);
  const probeSeconds = await measureProbe(bench, song);
  const server = await startServer(bench, { settings: { models: [toSetting(await everydayModel(bench))] } });
  const rows = [];
  for (const [model, runs] of Object.entries(RUNS)) {
    if (asked.length > 0 && !asked.includes(model)) continue;
    await measure(server, song, model);
    const measured = [];
    for (let run = 0; run < runs; run += 1) measured.push(await measure(server, song, model));
    rows.push(...measured.map((times) => toRow(model, times, probeSeconds)));
    const costs = measured.map(({ wall, forward }) => wall / forward - 1);
    process.stdout.write(
      `${model}: outside the model ${percent(median(costs))} of the model's own time (median of ${runs})\n`,
    );
  }
  process.stdout.write('\n');
  printTable(rows);
  await server.end();
});

/**
 * Where the time of one task went, in seconds. Everything but `forward` is outside the model.
 *
 * @typedef {object} Times
 * @property {number} wall from the first byte of the POST until `completed` was seen
 * @property {number} forward inside the network
 * @property {number} post until the 201
 * @property {number} dispatch from the 201 until the scheduler had given it to the worker
 * @property {number} loading reading the YAML and finding the warm model
 * @property {number} decoding
 * @property {number} around the network: MSST's chunks and overlaps
 * @property {number} encoding
 * @property {number} rest folders, messages, the database
 */

/**
 * Separates the song once.
 *
 * @param {import('./server.mjs').Server} server
 * @param {string} song
 * @param {string} model
 * @returns {Promise<Times>}
 */
async function measure(server, song, model) {
  const { task, beganAt, answeredAt } = await postSong(server.url, song, { fields: { model_type: model } });
  const acceptedAt = Date.now();
  // The log instead of polling, which would take time from the model on a machine of few cores.
  await server.line(
    ({ msg, taskId, status }) =>
      msg === 'task status' && taskId === task.task_id && ['completed', 'failed'].includes(status),
  );
  const ended = /** @type {any} */ (await (await fetch(server.url + task.links.self)).json());
  const wall = (performance.now() - beganAt) / 1000;
  if (ended.status !== 'completed') throw new Error(`not completed: ${JSON.stringify(ended)}`);

  const { stageSeconds, forwardSeconds: forward } = await server.line(
    ({ msg, taskId }) => msg === 'an attempt computed its stems' && taskId === task.task_id,
  );
  const times = {
    forward,
    post: (answeredAt - beganAt) / 1000,
    dispatch: Math.max(0, (Date.parse(ended.started_at) - acceptedAt) / 1000),
    loading: stageSeconds.loading_model,
    decoding: stageSeconds.decoding,
    around: stageSeconds.separating - forward,
    encoding: stageSeconds.encoding,
  };
  const known = Object.values(times).reduce((sum, seconds) => sum + seconds, 0);
  return { wall, ...times, rest: wall - known };
}

/**
 * How long the media child needs for the song. The server does not tell it apart from the rest of the POST.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} song
 * @returns {Promise<number>} seconds
 */
async function measureProbe({ media }, song) {
  const { createMediaPool } = await built('workers/media/mediaPool.js');
  const { createLog } = await built('log/log.js');
  const pool = createMediaPool({ python: media, projectRoot, env: process.env }, createLog('silent'));
  pool.start();
  const times = [];
  for (let probe = 0; probe < PROBES; probe += 1) {
    const beganAt = performance.now();
    await pool.probe(song);
    times.push((performance.now() - beganAt) / 1000);
  }
  await pool.stop();
  return median(times);
}

/**
 * @param {string} model
 * @param {Times} times
 * @param {number} probeSeconds
 */
function toRow(model, times, probeSeconds) {
  return {
    model,
    'wall s': times.wall.toFixed(2),
    'forward s': times.forward.toFixed(2),
    outside: percent(times.wall / times.forward - 1),
    POST: times.post.toFixed(2),
    'of it probe': probeSeconds.toFixed(3),
    dispatch: times.dispatch.toFixed(3),
    loading: times.loading.toFixed(3),
    decoding: times.decoding.toFixed(2),
    around: times.around.toFixed(2),
    encoding: times.encoding.toFixed(2),
    rest: times.rest.toFixed(2),
  };
}

/** @param {number} share */
function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}
