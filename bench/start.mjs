// How soon a server that is installed answers, takes tasks, and has a model warm; beside it a Python that does no more.
import path from 'node:path';

import { postSong } from './post.mjs';
import { projectRoot, runBench } from './prepare.mjs';
import { printHeader, printTable } from './report.mjs';
import { makeAudio } from './songs.mjs';
import { bareStart } from './start/bareStart.mjs';
import { launch } from './start/launch.mjs';
import { toRow } from './supervision/figure.mjs';

const STARTS = 5;
const SONG_SECONDS = 2;
const MODEL = 'starter';
const HEALTH_AIM_MS = 1000;
const modelFiles = {
  config: path.join(projectRoot, 'configs', `config_${MODEL}.yaml`),
  checkpoint: path.join(projectRoot, 'pretrain', `${MODEL}.ckpt`),
};

await runBench(async (bench) => {
  printHeader('node bench/start.mjs');
  const song = path.join(bench.folder, 'song.wav');
  await makeAudio(bench, 'wav', song, SONG_SECONDS);
  // What only the first start does, and what the disk has not in memory yet.
  await warmStart(bench);
  await bareStart(bench.engine, { ...modelFiles, song });

  const accepted = [];
  const direct = [];
  const warm = [];
  /** @type {Awaited<ReturnType<typeof bareStart>>[]} */
  const bare = [];
  for (let start = 0; start < STARTS; start += 1) {
    accepted.push(await acceptingStart(bench, song, 'npm'));
    direct.push(await acceptingStart(bench, song, 'node'));
    bare.push(await bareStart(bench.engine, { ...modelFiles, song }));
    warm.push(await warmStart(bench));
  }
  const figures = [
    {
      figure: 'npm start until /health',
      unit: 'ms',
      values: accepted.map(({ health }) => health),
      aim: { of: 'worst', most: HEALTH_AIM_MS },
    },
    { figure: 'npm start until the first 201', unit: 'ms', values: accepted.map(({ first }) => first) },
    {
      figure: 'node dist/start/main.js until /health',
      unit: 'ms',
      values: direct.map(({ health }) => health),
    },
    {
      figure: 'node dist/start/main.js until the first 201',
      unit: 'ms',
      values: direct.map(({ first }) => first),
    },
    { figure: 'npm start until a worker is ready', unit: 's', values: warm.map(({ ready }) => ready) },
    { figure: 'npm start until the model is warm', unit: 's', values: warm.map(({ loaded }) => loaded) },
    { figure: 'bare Python until torch is imported', unit: 's', values: bare.map(({ torch }) => torch) },
    { figure: 'bare Python until the model is loaded', unit: 's', values: bare.map(({ loaded }) => loaded) },
    { figure: 'bare Python until it has decoded', unit: 's', values: bare.map(({ decoded }) => decoded) },
    {
      figure: 'the model warm after bare Python has loaded it',
      unit: 's',
      values: warm.map(({ loaded }, at) => loaded - (bare[at]?.loaded ?? NaN)),
    },
  ];
  printTable(
    figures.map((figure) => toRow(/** @type {import('./supervision/figure.mjs').Figure} */ (figure))),
  );
});

/**
 * One start until it has accepted a task, which must be while its worker still imports.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} song
 * @param {keyof typeof import('./start/launch.mjs').COMMANDS} how
 * @returns {Promise<{ health: number, first: number }>} ms from its spawn
 */
async function acceptingStart(bench, song, how) {
  const server = await launch(bench, how);
  const health = await server.untilHealth();
  const { answeredAt } = await postSong(server.url, song);
  const first = performance.timeOrigin + answeredAt - server.spawnedAt;
  await server.end();
  return { health, first };
}

/**
 * One start until a model that is to be preloaded is loaded.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @returns {Promise<{ ready: number, loaded: number }>} seconds from its spawn
 */
async function warmStart(bench) {
  const server = await launch(bench, 'npm', { preload_models: [MODEL] });
  const secondsUntil = async (/** @type {string} */ event) => {
    const { time } = await server.line(({ msg }) => msg === event);
    return (Date.parse(time) - server.spawnedAt) / 1000;
  };
  const ready = await secondsUntil('a worker is ready');
  const loaded = await secondsUntil('model loaded');
  await server.end();
  return { ready, loaded };
}
