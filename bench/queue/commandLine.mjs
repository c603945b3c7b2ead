import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';

import { stemsIn } from './contest.mjs';
import { measured } from './measured.mjs';
import { startProgram } from './program.mjs';

/** What the command `msst-inference` runs, wherever that lies. */
const COMMAND = 'from msst.cli import inference; raise SystemExit(inference())';

/**
 * MSST's command line, started anew for each song.
 *
 * @type {import('./contest.mjs').Contender}
 */
export async function commandLinePerFile(contest) {
  const folders = await Promise.all(contest.songs.map((song) => folderOf(contest, song)));
  return separateFolders(contest, folders);
}

/**
 * MSST's command line, once for all songs.
 *
 * @type {import('./contest.mjs').Contender}
 */
export function commandLineOfFolder(contest) {
  return separateFolders(contest, [contest.songsFolder]);
}

/**
 * @param {import('./contest.mjs').Contest} contest
 * @param {string[]} inputs
 * @returns {Promise<import('./contest.mjs').Run>}
 */
async function separateFolders(contest, inputs) {
  const out = path.join(contest.folder, 'stems');
  const beganAtMs = Date.now();
  const { cost } = await measured(async () => {
    for (const input of inputs) await separateFolder(contest, input, out);
  });
  const { stems, firstAtMs } = await stemsIn(out);
  return { cost, stems, firstSeconds: (firstAtMs - beganAtMs) / 1000 };
}

/**
 * @param {import('./contest.mjs').Contest} contest
 * @param {string} input
 * @param {string} out
 */
function separateFolder({ bench, model, device, folder, env }, input, out) {
  const options = {
    model_type: model.architecture,
    config_path: model.config,
    start_check_point: model.checkpoint,
    input_folder: input,
    store_dir: out,
    pcm_type: 'FLOAT',
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  if (device === 'cpu') args.push('--force_cpu');
  return startProgram(bench.engine, ['-c', COMMAND, ...args], { env, cwd: folder }).ended;
}

/**
 * MSST's command line takes folders only.
 *
 * @param {import('./contest.mjs').Contest} contest
 * @param {string} song
 */
async function folderOf({ folder }, song) {
  const own = path.join(folder, path.parse(song).name);
  await mkdir(own);
  await copyFile(song, path.join(own, path.basename(song)));
  return own;
}
