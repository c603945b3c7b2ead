import { mkdir, readdir, symlink } from 'node:fs/promises';
import path from 'node:path';

import { makeAudio } from '../songs.mjs';
import { UsageError } from './options.mjs';

const AUDIO = new Set(['.wav', '.flac', '.mp3', '.ogg']);

/**
 * The songs in a folder that holds nothing else, in the order of their names.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @param {import('./options.mjs').Options} options
 */
export async function queueSongs(bench, { songs: from, count, seconds }) {
  const songsFolder = path.join(bench.folder, 'songs');
  await mkdir(songsFolder);
  if (from === undefined) await makeSongs(bench, songsFolder, count, seconds);
  else await linkSongs(path.resolve(from), songsFolder, count);
  const names = (await readdir(songsFolder)).toSorted();
  return { songsFolder, songs: names.map((name) => path.join(songsFolder, name)) };
}

/**
 * @param {import('../prepare.mjs').Bench} bench
 * @param {string} folder
 * @param {number} count
 * @param {number} seconds
 */
async function makeSongs(bench, folder, count, seconds) {
  const digits = String(count).length;
  for (let song = 1; song <= count; song += 1) {
    const name = `song-${String(song).padStart(digits, '0')}.wav`;
    await makeAudio(bench, 'wav', path.join(folder, name), seconds);
  }
}

/**
 * @param {string} from
 * @param {string} folder
 * @param {number} count
 */
async function linkSongs(from, folder, count) {
  const found = await readdir(from).catch(() => {
    throw new UsageError(`--songs: there is no folder ${from}.`);
  });
  const songs = found.filter((name) => AUDIO.has(path.extname(name).toLowerCase())).toSorted();
  if (songs.length === 0) throw new UsageError(`--songs: ${from} has no ${[...AUDIO].join(', ')}.`);
  for (const song of songs.slice(0, count)) await symlink(path.join(from, song), path.join(folder, song));
}
