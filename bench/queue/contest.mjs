import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { parse } from 'yaml';

/**
 * What one contender is given: a model, songs, and a folder of its own.
 *
 * @typedef {object} Contest
 * @property {import('../prepare.mjs').Bench} bench
 * @property {import('../models.mjs').BenchModel} model
 * @property {string} device `cpu`, `cuda` or `mps`, as torch calls it
 * @property {string[]} songs in the order in which they are separated
 * @property {string} songsFolder holds them and nothing else
 * @property {string} folder the contender's own, empty
 * @property {NodeJS.ProcessEnv} env of every process it starts: says how many threads, and notes the forward calls
 */

/**
 * What came of it.
 *
 * @typedef {object} Run
 * @property {import('./measured.mjs').Cost} cost of all songs
 * @property {number} firstSeconds until the stems of the first song were there
 * @property {number} stems how many there are
 * @property {number} [nodeCpu] CPU seconds of the server's own process
 */

/** @typedef {(contest: Contest) => Promise<Run>} Contender */

/**
 * The same contest in an empty folder of its own, with a file of its own for the forward calls.
 *
 * @template T
 * @param {Contest} contest
 * @param {string} name
 * @param {(contest: Contest, notes: string) => Promise<T>} work
 */
export async function inOwnFolder(contest, name, work) {
  const folder = path.join(contest.folder, name);
  const notes = path.join(folder, 'forwards');
  await mkdir(folder);
  try {
    return await work({ ...contest, folder, env: { ...contest.env, FORWARD_NOTES: notes } }, notes);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The stems that lie in a folder for each song, as MSST puts them.
 *
 * @param {string} folder
 * @returns {Promise<{ stems: number, firstAtMs: number }>} `firstAtMs`: when those of the first song were whole, as
 *   `Date.now` counts
 */
export async function stemsIn(folder) {
  const songs = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const times = await Promise.all(songs.map(({ name }) => changeTimes(path.join(folder, name))));
  return {
    stems: times.flat().length,
    firstAtMs: Math.min(...times.map((ofSong) => Math.max(...ofSong))),
  };
}

/** @param {string} folder */
async function changeTimes(folder) {
  const files = await readdir(folder);
  return Promise.all(files.map(async (file) => (await stat(path.join(folder, file))).mtimeMs));
}

/** What the model's YAML says of its sound. @param {import('../models.mjs').BenchModel} model */
export async function readModelYaml({ config }) {
  const { audio, training } = parse(await readFile(config, 'utf8'));
  const instruments = training.target_instrument ? [training.target_instrument] : training.instruments;
  return { sampleRate: Number(audio.sample_rate), stemsOfSong: Number(instruments.length) };
}
