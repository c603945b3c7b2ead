import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { choose } from './choices.mjs';
import { Clients } from './client.mjs';
import { copyTemplate, countEnds, expire, withDatabase } from './database.mjs';
import { findBreaches } from './invariants.mjs';
import { startLife, untilAlone } from './server.mjs';

/** A point that the clients did not bring the server to may still come; then its life ends as `else` says. */
const POINT_TIMEOUT_MS = 150;
/** The last server has nothing to do but to end what is there. */
const DRAINED_WITHIN_MS = 30_000;
const SETTINGS = {
  port: 0,
  data_dir: 'data',
  min_free_disk: '1MB',
  reserve_disk: '1MB',
  devices: ['cpu'],
  shutdown_timeout_seconds: 0.3,
};

/**
 * Where the runs take place.
 *
 * @typedef {{ projectRoot: string, program: import('./bundle.mjs').Bundle, media: string,
 *   folder: string, template: string }} Place
 *
 * What a run found and did.
 * @typedef {import('./invariants.mjs').Findings & {
 *   seed: number, home: string, ends: ReturnType<typeof countEnds>,
 *   orphans: string[], tasks: number, lives: number, kills: Record<string, number>, slowestChildMs: number,
 * }} Outcome
 */

/**
 * One run: servers that live one after the other on the same data, each ended as the seed says, and one that may
 * do all that is left. Then everything is checked.
 *
 * @param {Place} place
 * @param {number} seed
 * @returns {Promise<Outcome>}
 */
export async function runSeed(place, seed) {
  const home = await mkdtemp(path.join(place.folder, `seed-${seed}-`));
  const dataDir = path.join(home, 'data');
  await mkdir(dataDir);
  await copyTemplate(place.template, dataDir);
  await writeFile(path.join(home, 'config.json'), JSON.stringify(SETTINGS));
  const clients = new Clients();
  const run = { place, home, dataDir, clients, orphans: [], kills: {}, slowestChildMs: 0 };

  const rounds = choose(seed);
  for (const round of rounds) await liveAndDie(run, round);
  await drain(run);

  const found = findBreaches(dataDir, clients);
  const ends = countEnds(dataDir);
  found.others.push(...clients.breaches);
  const isWell = [...Object.values(found), run.orphans].every((list) => list.length === 0);
  // What a failing run left is there to be looked at.
  if (isWell) await rm(home, { recursive: true, force: true });
  const { orphans, kills, slowestChildMs } = run;
  return {
    seed,
    home,
    ...found,
    ends,
    orphans,
    kills,
    slowestChildMs,
    tasks: clients.tasks.length,
    lives: rounds.length + 1,
  };
}

/**
 * @typedef {{ place: Place, home: string, dataDir: string, clients: Clients,
 *   orphans: string[], kills: Record<string, number>, slowestChildMs: number }} Run
 */

/**
 * @param {Run} run
 * @param {import('./choices.mjs').Round} round
 */
async function liveAndDie(run, { end, plan, clients, expiries }) {
  await writeFile(path.join(run.home, 'plan'), plan.join('\n'));
  const life = startLife({ ...run.place, home: run.home }, 'point' in end ? end : undefined);
  const inTime = 'afterMs' in end ? sleep(end.afterMs).then(() => life.end(end.signal)) : undefined;
  const url = await life.url;
  if (url !== undefined) {
    await run.clients.sendAgain(url, life.isOver);
    await Promise.all(clients.map((actions) => run.clients.act(url, actions, life.isOver)));
  }
  if ('point' in end) {
    await Promise.race([life.over, sleep(POINT_TIMEOUT_MS)]);
    const isReached = wasReached(run.home);
    if (!life.isOver()) life.end(end.else);
    count(run, isReached ? `${end.point} (${end.victims})` : `at the end, by ${end.else}`);
  } else {
    await inTime;
    count(run, `at any time, by ${end.signal}`);
  }
  await endLife(run, life);
  for (const point of workerDeaths(run.home)) count(run, `${point} (by the worker's plan)`);
  await rm(path.join(run.home, 'killed'), { force: true });
  await rm(path.join(run.home, 'plan.diary'), { force: true });
  for (const expiry of expiries) {
    const ids = run.clients.tasks.map(({ taskId }) => taskId);
    const taskId = expire(run.dataDir, expiry, ids);
    const known = run.clients.tasks.find((task) => task.taskId === taskId);
    if (known && known.expired !== 'row') known.expired = expiry.what;
  }
}

/**
 * The last server: nothing befalls it, and it must bring everything to its end.
 *
 * @param {Run} run
 */
async function drain(run) {
  await writeFile(path.join(run.home, 'plan'), '');
  const life = startLife({ ...run.place, home: run.home }, undefined);
  const url = await life.url;
  if (url !== undefined) await run.clients.sendAgain(url, life.isOver);
  const deadline = performance.now() + DRAINED_WITHIN_MS;
  while (!life.isOver() && performance.now() < deadline && countOpen(run.dataDir) > 0) await sleep(25);
  life.end('SIGTERM');
  await endLife(run, life);
}

/**
 * Waits for the end of a server, and of every process it had.
 *
 * @param {Run} run
 * @param {import('./server.mjs').Life} life
 */
async function endLife(run, life) {
  const { code, signal } = await life.over;
  if (code !== 0 && signal === null) run.clients.breaches.push(`a server ended by itself, with ${code}`);
  const { orphans, afterMs } = await untilAlone(run.home);
  run.slowestChildMs = Math.max(run.slowestChildMs, afterMs);
  run.orphans.push(...orphans);
}

/** @param {string} home */
function wasReached(home) {
  const record = path.join(home, 'killed');
  return existsSync(record) && readFileSync(record, 'utf8') !== '';
}

/**
 * At which points the plan let workers die.
 *
 * @param {string} home
 * @returns {string[]}
 */
function workerDeaths(home) {
  const diary = path.join(home, 'plan.diary');
  const lines = existsSync(diary) ? readFileSync(diary, 'utf8').split('\n') : [];
  // A line that a killed worker had begun is none.
  return lines.flatMap((line) => /"event":"die".*"at":"([^"]+)"}$/.exec(line)?.[1] ?? []);
}

/**
 * What is still to be done: tasks to be ended, deletions and expiries to be carried out.
 *
 * @param {string} dataDir
 */
function countOpen(dataDir) {
  return withDatabase(dataDir, (sqlite) => {
    const dayAgo = Date.now() - 24 * 3_600_000;
    return /** @type {number} */ (
      sqlite
        .prepare(
          `SELECT count(*) FROM tasks WHERE status IN ('pending', 'processing') OR deleted_at IS NOT NULL
           OR (completed_at < ? AND files_removed_at IS NULL) OR completed_at < ?`,
        )
        .pluck()
        .get(dayAgo, dayAgo - 6 * 24 * 3_600_000)
    );
  });
}

/**
 * @param {Run} run
 * @param {string} what
 */
function count({ kills }, what) {
  kills[what] = (kills[what] ?? 0) + 1;
}
