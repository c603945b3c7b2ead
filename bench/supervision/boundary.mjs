import { z } from 'zod';

import { built, projectRoot } from '../prepare.mjs';
import { now } from './clock.mjs';
import { launcher } from './workers.mjs';

const ROUND_TRIPS = 5000;
const PACED = 2000;
const PACED_SECONDS = 0.002;
const BURST = 20_000;
const BURSTS = 5;
const AIM_US = 50;
/** Not measured: the first calls are slow until V8 has compiled what they run. */
const WARM_UP = 1000;
/** As long as the parameters of a progress report. */
const MESSAGE = { task_id: '0'.repeat(36), attempt: 1, stage: 'separating', done: 17, total: 40 };
const ANSWER = z.object({});

/**
 * What a message between Node and Python costs, by the code that carries it and no work behind it.
 *
 * @param {import('../prepare.mjs').Bench} bench
 * @returns {Promise<import('./figure.mjs').Figure[]>}
 */
export async function measureBoundary(bench) {
  const { ChildProcess } = await built('workers/process/childProcess.js');
  const { heartbeatSchema } = await built('contract/protocol.js');
  const { createLog } = await built('log/log.js');
  const python = await launcher(bench, bench.media, 'message_peer.py');
  const child = ChildProcess.start({ python, projectRoot, env: process.env }, createLog('silent'));
  /** @type {number[]} */
  let delays = [];
  child.onNotification('heartbeat', heartbeatSchema, (/** @type {{ cpu_seconds: number }} */ beat) =>
    delays.push((now() - beat.cpu_seconds * 1000) * 1000),
  );
  const beat = async (/** @type {number} */ count, secondsBetween = 0) => {
    delays = [];
    await child.request('beat', { count, seconds_between: secondsBetween }, z.null());
    if (delays.length !== count) throw new Error(`${count} messages were sent, ${delays.length} arrived`);
  };
  const echo = async (/** @type {number} */ times) => {
    const trips = [];
    for (let trip = 0; trip < times; trip += 1) {
      const askedAt = now();
      await child.request('echo', MESSAGE, ANSWER);
      trips.push((now() - askedAt) * 1000);
    }
    return trips;
  };

  await echo(WARM_UP);
  const { wall: echoes, cpu: echoCpu } = await costing(() => echo(ROUND_TRIPS));
  await beat(WARM_UP);
  await beat(PACED, PACED_SECONDS);
  const paced = delays;
  const bursts = [];
  for (let burst = 0; burst < BURSTS; burst += 1) {
    const beganAt = now();
    const { cpu } = await costing(() => beat(BURST));
    bursts.push({ wall: ((now() - beganAt) * 1000) / BURST, cpu: cpu / BURST });
  }
  await child.shutdown();
  const aim = /** @type {const} */ ({ of: 'p50', most: AIM_US });
  return [
    { figure: 'a notification, Python to Node, one every 2 ms', unit: 'µs', values: paced, aim },
    { figure: 'a request and its answer: the half', unit: 'µs', values: echoes.map((trip) => trip / 2), aim },
    { figure: '– of it CPU of Node, mean', unit: 'µs', values: [echoCpu / ROUND_TRIPS / 2] },
    {
      figure: `notifications, ${BURST} at once: each`,
      unit: 'µs',
      values: bursts.map(({ wall }) => wall),
      aim,
    },
    { figure: '– of it CPU of Node', unit: 'µs', values: bursts.map(({ cpu }) => cpu) },
  ];
}

/**
 * Does something, and counts the CPU time that this process, all its threads, spent meanwhile.
 *
 * @template T
 * @param {() => Promise<T>} work
 */
async function costing(work) {
  const before = process.cpuUsage();
  const wall = await work();
  const { user, system } = process.cpuUsage(before);
  return { wall, cpu: user + system };
}
