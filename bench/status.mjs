// What asking for a task's status costs: requests a second and latency, bare, with everything on, and beside work.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { execa } from 'execa';

import { postSong } from './post.mjs';
import { projectRoot, runBench } from './prepare.mjs';
import { printHeader, printTable } from './report.mjs';
import { startServer } from './server.mjs';
import { makeAudio, writeNoiseWav } from './songs.mjs';
import { untilCompleted } from './supervision/tasks.mjs';

const SECONDS = 8;
const CONNECTIONS = 32;
const KEY = 'a-key-of-the-bench-0123456789';
const UPLOADS = 4;
const UPLOAD_BYTES = 100_000_000;
const CLOCK_TICKS_PER_SECOND = 100;
/** Computes nothing, so that the second core is the client's. */
const STAND_IN = path.join(projectRoot, 'test', 'support', 'standIn', 'worker.mjs');

const EVERYTHING_ON = {
  enable_auth: true,
  api_keys: [{ name: 'bench', key: KEY }],
  enable_rate_limit: true,
  requests_per_hour: 1_000_000,
};

await runBench(async (bench) => {
  printHeader('node bench/status.mjs');
  const song = path.join(bench.folder, 'song.wav');
  await makeAudio(bench, 'wav', song, 4);
  printTable([
    { server: 'bare', ...(await saturate(bench, song, { log_level: 'silent' })) },
    { server: 'keys, limits, log', ...(await saturate(bench, song, EVERYTHING_ON)) },
    { server: 'beside uploads', ...(await besideUploads(bench, song)) },
    { server: 'beside work', ...(await besideWork(bench)) },
  ]);
});

/**
 * As many requests as the server answers, about a task that has ended.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} song
 * @param {object} settings
 */
async function saturate(bench, song, settings) {
  const server = await startServer({ ...bench, engine: STAND_IN }, { settings });
  const { task } = await postSong(server.url, song, { headers: { authorization: `Bearer ${KEY}` } });
  server.ignoreLog();
  await flood(server, task.links.self, 2);
  const figures = await flood(server, task.links.self, SECONDS);
  await server.end();
  return figures;
}

/**
 * A steady rate of requests about a task that has ended, while large files arrive all the time.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} song
 */
async function besideUploads(bench, song) {
  const plan = path.join(bench.folder, 'plan');
  await writeFile(plan, '');
  const server = await startServer({ ...bench, engine: STAND_IN }, { env: { STAND_IN_PLAN: plan } });
  const { task } = await postSong(server.url, song);
  await untilCompleted(server, task);
  // The uploads are to wait, so that nothing but they arrives.
  await writeFile(plan, 'hang\n');
  const figures = await askWhileUploading(bench, server, task.links.self, { isEndless: true });
  await server.end();
  return figures;
}

/**
 * A steady rate of requests about a task that the real engine computes, while large files arrive.
 *
 * @param {import('./prepare.mjs').Bench} bench
 */
async function besideWork(bench) {
  const song = path.join(bench.folder, 'long.wav');
  await makeAudio(bench, 'wav', song, 240);
  const server = await startServer(bench);
  const { task } = await postSong(server.url, song);
  await server.line(({ msg, taskId }) => msg === 'task status' && taskId === task.task_id);
  const figures = await askWhileUploading(bench, server, task.links.self, { isEndless: false });
  await server.end();
  return figures;
}

/**
 * Asks at a steady rate, and has so many files arrive at once: each once, or again and again until the asking ends.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {import('./server.mjs').Server} server
 * @param {string} link
 * @param {{ isEndless: boolean }} how
 */
async function askWhileUploading(bench, server, link, { isEndless }) {
  const upload = path.join(bench.folder, 'upload.wav');
  await writeNoiseWav(upload, UPLOAD_BYTES);
  server.ignoreLog();
  const cpuBefore = cpuSeconds(server.pid);
  const client = path.join(import.meta.dirname, 'patientClient.mjs');
  let isAsking = true;
  const polling = execa(process.execPath, [client, server.url + link, String(SECONDS)]).finally(() => {
    isAsking = false;
  });
  const keepUploading = async () => {
    do await postSong(server.url, upload);
    while (isEndless && isAsking);
  };
  await Promise.all(Array.from({ length: UPLOADS }, keepUploading));
  const { rate, p50, p99, max } = JSON.parse((await polling).stdout);
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  return row({ rate, p50, p99, max, cpuPerRequest: cpu / (rate * SECONDS) });
}

/**
 * As many requests at a time as there are connections, again and again.
 *
 * @param {import('./server.mjs').Server} server
 * @param {string} link
 * @param {number} seconds
 */
async function flood(server, link, seconds) {
  const cpuBefore = cpuSeconds(server.pid);
  const { stdout } = await execa(
    'autocannon',
    [
      ...['--json', '--connections', String(CONNECTIONS), '--duration', String(seconds)],
      ...['--headers', `authorization=Bearer ${KEY}`, server.url + link],
    ],
    { preferLocal: true, localDir: projectRoot },
  );
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  const { non2xx, errors, requests, latency } = JSON.parse(stdout);
  if (non2xx > 0 || errors > 0) throw new Error(`not all answered well: ${stdout}`);
  return row({
    rate: requests.average,
    p50: latency.p50,
    p99: latency.p99,
    max: latency.max,
    cpuPerRequest: cpu / requests.total,
  });
}

/** @param {{ rate: number, p50: number, p99: number, max: number, cpuPerRequest: number }} figures seconds of CPU, milliseconds of latency */
function row({ rate, p50, p99, max, cpuPerRequest }) {
  return {
    'requests/s': rate.toFixed(0),
    'p50 ms': p50.toFixed(0),
    'p99 ms': p99.toFixed(0),
    'max ms': max.toFixed(0),
    'CPU µs a request': (cpuPerRequest * 1e6).toFixed(0),
  };
}

/**
 * CPU seconds that a process has used, user and system.
 *
 * @param {number} pid
 */
function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}
