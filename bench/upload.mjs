// What taking a file of 500 MB costs: speed beside that of the disk, memory, and the wait for the 201.
import { open, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { watchMemory } from './memory.mjs';
import { postSong } from './post.mjs';
import { projectRoot, runBench } from './prepare.mjs';
import { median, printHeader, printTable } from './report.mjs';
import { startServer } from './server.mjs';
import { makeAudio, writeLongMp3, writeNoiseFlac, writeNoiseWav } from './songs.mjs';

const FILE_BYTES = 500_000_000;
const SONG_SECONDS = 240;
/** An hour: a longer song is refused where its separation does not fit the memory of the host. */
const MP3_BYTES = 57_600_000;
const COPY_BLOCK_BYTES = 1024 * 1024;
const RUNS = 3;
/** Takes every task and computes nothing. */
const WORKER = path.join(projectRoot, 'test', 'support', 'standIn', 'worker.mjs');

const isTogetherOnly = process.argv[2] === 'together';

await runBench(async (bench) => {
  printHeader('node bench/upload.mjs');
  const at = (/** @type {string} */ name) => path.join(bench.folder, name);
  await writeNoiseWav(at('song.wav'), FILE_BYTES);
  await writeNoiseFlac(bench, at('song.flac'), FILE_BYTES);
  if (!isTogetherOnly) await measureEach(bench, at);
  const cores = os.availableParallelism();
  printTable([
    ...(await measureTogether(bench, at('song.wav'), 3 * cores)),
    ...(await measureTogether(bench, at('song.flac'), cores)),
    ...(await measureTogether(bench, at('song.flac'), 3 * cores)),
  ]);
});

/**
 * @param {import('./prepare.mjs').Bench} bench
 * @param {(name: string) => string} at
 */
async function measureEach(bench, at) {
  await writeLongMp3(bench, at('song.mp3'), MP3_BYTES);
  await makeAudio(bench, 'wav', at('four minutes.wav'), SONG_SECONDS);
  await makeAudio(bench, 'mp3', at('four minutes.mp3'), SONG_SECONDS);
  printTable([
    await measure(bench, at('four minutes.wav'), { chunked: false }),
    await measure(bench, at('four minutes.mp3'), { chunked: false }),
    await measure(bench, at('song.wav'), { chunked: false }),
    await measure(bench, at('song.wav'), { chunked: true }),
    await measure(bench, at('song.flac'), { chunked: false }),
    await measure(bench, at('song.mp3'), { chunked: false }),
  ]);
}

/**
 * Uploads a file to a server that has taken none before, some times, each beside a plain copy of it.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} file
 * @param {{ chunked: boolean }} how
 */
async function measure(bench, file, how) {
  /** @type {Awaited<ReturnType<typeof measureOnce>>[]} */
  const runs = [];
  for (let run = 0; run < RUNS; run += 1) runs.push(await measureOnce(bench, file, how));
  const middle = (/** @type {keyof typeof runs[0]} */ field) => median(runs.map((run) => run[field]));
  const worst = (/** @type {keyof typeof runs[0]} */ field) => Math.max(...runs.map((run) => run[field]));
  return {
    file: path.extname(file).slice(1).toUpperCase(),
    'Content-Length': how.chunked ? 'no' : 'yes',
    MB: megabytes(runs[0]?.bytes ?? 0),
    'upload MB/s': middle('uploadRate').toFixed(0),
    'disk MB/s': middle('diskRate').toFixed(0),
    ratio: (middle('uploadRate') / middle('diskRate')).toFixed(2),
    'RSS before': megabytes(middle('before')),
    'RSS peak': megabytes(worst('peak')),
    'added MB': megabytes(worst('added')),
    '201 after s': worst('answerSeconds').toFixed(2),
  };
}

/**
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} file
 * @param {{ chunked: boolean }} how
 */
async function measureOnce(bench, file, how) {
  const copied = await copy(file, path.join(bench.folder, 'copy'));
  const plan = path.join(bench.folder, 'plan');
  await writeFile(plan, 'hang\n');
  const server = await startServer(
    { ...bench, engine: WORKER },
    { settings: { max_audio_duration: '100h' }, env: { STAND_IN_PLAN: plan } },
  );
  const memory = await watchMemory(server.pid);
  const { task, beganAt, sentAt, answeredAt } = await postSong(server.url, file, how);
  const peak = await memory.peak();
  await fetch(server.url + task.links.self, { method: 'DELETE' });
  await server.end();
  const bytes = task.input.bytes;
  return {
    bytes,
    uploadRate: bytes / 1e6 / ((sentAt - beganAt) / 1000),
    diskRate: bytes / 1e6 / copied,
    before: memory.before,
    peak,
    added: peak - memory.before,
    answerSeconds: (answeredAt - sentAt) / 1000,
  };
}

/**
 * So many uploads of one file at once: how long each waits for its 201, and how long it was told it had waited for its turn.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} file
 * @param {number} atOnce
 */
async function measureTogether(bench, file, atOnce) {
  const plan = path.join(bench.folder, 'plan');
  await writeFile(plan, 'hang\n');
  const server = await startServer(
    { ...bench, engine: WORKER },
    { settings: { max_audio_duration: '100h' }, env: { STAND_IN_PLAN: plan } },
  );
  const posted = await Promise.all(Array.from({ length: atOnce }, () => postSong(server.url, file)));
  await server.end();
  const waits = posted.map(({ sentAt, answeredAt, waitedMs }) => ({
    answer: (answeredAt - sentAt) / 1000,
    turn: waitedMs / 1000,
  }));
  return waits
    .toSorted((a, b) => a.answer - b.answer)
    .map(({ answer, turn }, at) => ({
      file: path.extname(file).slice(1).toUpperCase(),
      'at once': atOnce,
      upload: at + 1,
      '201 after s': answer.toFixed(2),
      'of it waiting, as told, s': turn.toFixed(2),
    }));
}

/**
 * Writes the same bytes to the same disk, plainly, and waits until they are on it.
 *
 * @param {string} from
 * @param {string} to removed again
 * @returns {Promise<number>} seconds
 */
async function copy(from, to) {
  const source = await open(from, 'r');
  const target = await open(to, 'wx');
  const block = Buffer.alloc(COPY_BLOCK_BYTES);
  const beganAt = performance.now();
  for (;;) {
    const { bytesRead } = await source.read(block);
    if (bytesRead === 0) break;
    await target.writeFile(block.subarray(0, bytesRead));
  }
  await target.sync();
  const seconds = (performance.now() - beganAt) / 1000;
  await Promise.all([source.close(), target.close()]);
  await rm(to);
  return seconds;
}

/** @param {number} bytes */
function megabytes(bytes) {
  return (bytes / 1e6).toFixed(0);
}
