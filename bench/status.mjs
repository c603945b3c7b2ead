// What asking for a task's status costs: requests a second and latency, bare, with everything on, and beside work.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { execa } from 'execa';

import { postSong } from './post.mjs';
import { projectRoot, runBench } from './prepare.mjs';
import { printHeader, printTable } from './report.mjs';
import { startServer } from './server.mjs';
import { makeAudio, writeNoiseWav } from './songs.mjs';

const SECONDS = 8;
const CONNECTIONS = 32;
const KEY = 'a-key-of-the-bench-0123456789';
const UPLOADS = 4;
const UPLOAD_BYTES = 100_000_000;
/** Polls of many patient clients: enough to see every pause of the server, not enough to be the load. */
const PATIENT_RATE = 400;
const CLOCK_TICKS_PER_SECOND = 100;
/** Computes nothing, so that the second core is the client's. */
const STAND_IN = path.join(projectRoot, 'test', 'support', 'standInWorker.mjs');

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
  await poll(server, task.links.self, { seconds: 2 });
  const figures = await poll(server, task.links.self, { seconds: SECONDS });
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
  const upload = path.join(bench.folder, 'upload.wav');
  await makeAudio(bench, 'wav', song, 240);
  await writeNoiseWav(upload, UPLOAD_BYTES);
  const server = await startServer(bench);
  const { task } = await postSong(server.url, song);
  await server.line(({ msg, taskId }) => msg === 'task status' && taskId === task.task_id);
  server.ignoreLog();
  const polling = poll(server, task.links.self, { seconds: SECONDS, rate: PATIENT_RATE });
  await Promise.all(Array.from({ length: UPLOADS }, () => postSong(server.url, upload)));
  const figures = await polling;
  await server.end();
  return figures;
}

/**
 * @param {import('./server.mjs').Server} server
 * @param {string} link
 * @param {{ seconds: number, rate?: number }} how `rate`: requests a second, as many as it takes without it
 */
async function poll(server, link, { seconds, rate }) {
  const cpuBefore = cpuSeconds(server.pid);
  const { stdout } = await execa(
    'autocannon',
    [
      ...['--json', '--connections', String(CONNECTIONS), '--duration', String(seconds)],
      ...(rate === undefined ? [] : ['--overallRate', String(rate)]),
      ...['--headers', `authorization=Bearer ${KEY}`, server.url + link],
    ],
    { preferLocal: true, localDir: projectRoot },
  );
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  const report = JSON.parse(stdout);
  if (report.non2xx > 0 || report.errors > 0) throw new Error(`not all answered well: ${stdout}`);
  return {
    'requests/s': report.requests.average.toFixed(0),
    'p50 ms': report.latency.p50,
    'p99 ms': report.latency.p99,
    'max ms': report.latency.max,
    'CPU µs a request': ((cpu * 1e6) / report.requests.total).toFixed(0),
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
