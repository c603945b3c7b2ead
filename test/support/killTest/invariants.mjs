import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { withDatabase } from './database.mjs';

/** What may follow what; the server's own table is not asked, for it is what is under test. */
const NEXT = {
  pending: ['processing', 'cancelled'],
  processing: ['completed', 'failed', 'pending', 'cancelled'],
};
const ENDED = ['completed', 'failed', 'cancelled'];
const EVENT_OF = {
  pending: 'task.requeued',
  processing: 'task.started',
  completed: 'task.completed',
  failed: 'task.failed',
  cancelled: 'task.cancelled',
};
/** Why a task may have failed here; anything else is a fault of the server that a task was made to pay for. */
const REASONS = [
  /^It failed as the plan says[.]$/,
  /^The worker process ended \d+ times while it worked on this task[.]$/,
  /^The server ended unexpectedly three times in a row/,
];
const SERVER_FILES = [
  'ballast',
  'cursor.key',
  'tasks.db',
  'tasks.db-wal',
  'tasks.db-shm',
  'lock.db',
  'lock.db-journal',
];

/**
 * @typedef {object} Findings
 * @property {string[]} lost tasks that were accepted and did not come to an end that somebody asked for
 * @property {string[]} doubled tasks that came to more than one end, or were made twice
 * @property {string[]} strays files that no row names
 * @property {string[]} others
 */

/**
 * Holds what a stopped server has left against what its clients were told.
 *
 * @param {string} dataDir
 * @param {import('./client.mjs').Clients} clients
 * @returns {Findings}
 */
export function findBreaches(dataDir, clients) {
  const tables = readTables(dataDir);
  /** @type {Findings} */
  const found = { lost: [], doubled: [], strays: [], others: [] };
  checkPromises(tables, clients, found);
  checkDiary(tables, clients, found);
  checkEvents(tables, found);
  for (const task of tables.tasks) checkAttempts(tables, task, found);
  checkFiles(tables, dataDir, found);
  checkLog(dataDir, found);
  return found;
}

/** @param {string} dataDir */
function readTables(dataDir) {
  return withDatabase(dataDir, (sqlite) => {
    const all = (/** @type {string} */ table, /** @type {string} */ order) =>
      /** @type {Record<string, any>[]} */ (sqlite.prepare(`SELECT * FROM ${table} ORDER BY ${order}`).all());
    return {
      tasks: all('tasks', 'seq'),
      inputs: all('inputs', 'input_id'),
      attempts: all('attempts', 'task_id, step, attempt'),
      stems: all('stems', 'storage_key'),
      diary: all('diary', 'n'),
      events: all('events', 'owner, number'),
      eventDiary: all('event_diary', 'n'),
      totals: new Map(all('counters', 'name').map((row) => [row.name, row.value])),
    };
  });
}
/** @typedef {ReturnType<typeof readTables>} Tables */

/**
 * Every 201 has ended as the clients were told, or is gone because somebody wanted it so.
 *
 * @param {Tables} tables
 * @param {import('./client.mjs').Clients} clients
 * @param {Findings} found
 */
function checkPromises({ tasks }, clients, found) {
  for (const known of clients.tasks) {
    const row = tasks.find((task) => task.task_id === known.taskId);
    const name = `${known.filename} (${known.taskId})`;
    const mayBeGone = known.deletesSent > 0 || known.expired === 'row';
    if (!row) {
      if (!mayBeGone) found.lost.push(`${name} is gone`);
      continue;
    }
    if (known.isDeleted) found.others.push(`${name} is still there after its deletion was confirmed`);
    if (known.ended && row.status !== known.ended) {
      found.lost.push(`${name} was ${known.ended} and is ${row.status}`);
    }
  }
  for (const row of tasks) {
    if (!ENDED.includes(row.status)) found.lost.push(`${row.task_id} is ${row.status} for ever`);
    if (row.deleted_at !== null) found.others.push(`${row.task_id} is marked as deleted for ever`);
    if (row.status === 'failed' && !REASONS.some((reason) => reason.test(row.failure_message))) {
      found.others.push(`${row.task_id} failed: ${row.failure_message}`);
    }
  }
}

/**
 * Only legal steps, one end for each task, one task for each submission, and totals that agree.
 *
 * @param {Tables} tables
 * @param {import('./client.mjs').Clients} clients
 * @param {Findings} found
 */
function checkDiary({ diary, tasks, totals }, clients, found) {
  const ends = { completed: 0, failed: 0, cancelled: 0 };
  let seconds = 0;
  /** @type {Map<string, string>} */
  const statusOf = new Map();
  const filenames = new Set();
  for (const { task_id: id, filename, before, after, seconds: took } of diary) {
    if (filename !== null) {
      if (filenames.has(filename)) found.doubled.push(`${filename} was accepted twice`);
      filenames.add(filename);
    } else if (statusOf.get(id) !== before) {
      found.others.push(`${id} was ${statusOf.get(id)} and left ${before}`);
    }
    if (after === null) {
      const known = clients.tasks.find((task) => task.taskId === id);
      if (!known?.deletesSent && known?.expired !== 'row') found.lost.push(`${id} was erased unasked`);
      statusOf.delete(id);
      continue;
    }
    if (before !== null && ENDED.includes(before)) found.doubled.push(`${id} was ${before}, then ${after}`);
    else if (before === null ? after !== 'pending' : !NEXT[before]?.includes(after)) {
      found.others.push(`${id} went from ${before} to ${after}`);
    }
    if (after in ends) ends[after] += 1;
    if (after === 'completed') seconds += took;
    statusOf.set(id, after);
  }
  for (const [end, count] of Object.entries(ends)) {
    const told = totals.get(`tasks_${end}`) ?? 0;
    if (told !== count) found.others.push(`${told} tasks are counted as ${end}, it were ${count}`);
  }
  if (Math.abs((totals.get('processing_seconds') ?? 0) - seconds) > 0.001) {
    found.others.push('the processing seconds do not add up');
  }
  if (statusOf.size !== tasks.length) found.others.push('the tasks are not those that were accepted');
}

/**
 * No state without its event, no event without its state, and no number twice or left out.
 *
 * @param {Tables} tables
 * @param {Findings} found
 */
function checkEvents({ diary, tasks, events, eventDiary }, found) {
  /** @type {Map<string, string[]>} */
  const expected = new Map();
  for (const { task_id: id, before, after } of diary) {
    if (after === null) continue;
    const type = before === null ? 'task.queued' : EVENT_OF[after];
    expected.set(id, [...(expected.get(id) ?? []), type]);
  }
  /** @type {Map<string, string[]>} */
  const written = new Map();
  const lastOf = new Map();
  for (const { owner, number, task_id: id, type } of eventDiary) {
    if (number !== (lastOf.get(owner) ?? 0) + 1)
      found.others.push(`event ${number} follows ${lastOf.get(owner)}`);
    lastOf.set(owner, number);
    written.set(id, [...(written.get(id) ?? []), type]);
  }
  for (const id of new Set([...expected.keys(), ...written.keys()])) {
    const row = tasks.find((task) => task.task_id === id);
    const tail = [
      ...(row?.files_expired_at !== null && row !== undefined ? ['task.expired'] : []),
      ...(row === undefined ? ['task.deleted'] : []),
    ];
    const seen = written.get(id) ?? [];
    // A task that is gone may have expired before.
    const compared = row === undefined ? seen.filter((type) => type !== 'task.expired') : seen;
    const wanted = [...(expected.get(id) ?? []), ...tail];
    if (compared.join() !== wanted.join())
      found.others.push(`${id} has the events ${seen}, and not ${wanted}`);
    const kept = events.filter((event) => event.task_id === id).map(({ type }) => type);
    const ought = row === undefined ? ['task.deleted'] : seen;
    if (kept.join() !== ought.join()) found.others.push(`${id} keeps the events ${kept}, and not ${ought}`);
  }
}

/**
 * @param {Tables} tables
 * @param {Record<string, any>} task
 * @param {Findings} found
 */
function checkAttempts({ attempts, stems }, { task_id: id, step, attempt, status, failures }, found) {
  const own = attempts.filter((each) => each.task_id === id && each.step === step);
  if (own.some((each, index) => each.attempt !== index + 1) || own.length !== attempt) {
    found.others.push(`${id} has a gap in its attempts`);
  }
  const outcomes = own.map((each) => each.outcome);
  const last = outcomes.at(-1);
  if (outcomes.includes(null)) found.others.push(`${id} has an attempt without an end`);
  const completions = outcomes.filter((outcome) => outcome === 'completed').length;
  if (completions > 1) found.doubled.push(`${id} was completed by ${completions} attempts`);
  if ((status === 'completed') !== (last === 'completed'))
    found.others.push(`${id} is ${status} after ${outcomes}`);
  const isPoison = outcomes.length >= 3 && outcomes.slice(-3).every((outcome) => outcome === 'server_died');
  if ((status === 'failed') !== (last === 'failed' || isPoison)) {
    found.others.push(`${id} is ${status} after ${outcomes}`);
  }
  const countsAsFailure = outcomes.filter(
    (outcome) => outcome === 'worker_died' || outcome === 'failed',
  ).length;
  if (failures !== countsAsFailure)
    found.others.push(`${id} has countsAsFailure ${failures} attempts, it were ${countsAsFailure}`);
  const published = stems.filter((stem) => stem.task_id === id);
  const expected = status === 'completed' ? 2 : 0;
  if (
    published.length !== expected ||
    published.some((stem) => stem.step !== step || stem.attempt !== attempt)
  ) {
    found.others.push(`${id} is ${status} and names ${published.length} stems`);
  }
}

/**
 * What the database names is there, whole; and nothing else is.
 *
 * @param {Tables} tables
 * @param {string} dataDir
 * @param {Findings} found
 */
function checkFiles({ tasks, inputs, stems }, dataDir, found) {
  const isKept = (/** @type {Record<string, any>} */ task) => task.files_removed_at === null;
  const kept = tasks.filter(isKept);
  const named = new Map(
    stems
      .filter((stem) => kept.some((task) => task.task_id === stem.task_id))
      .map((stem) => [stem.storage_key, stem]),
  );
  for (const input of inputs) {
    const users = tasks.filter((task) => task.input_id === input.input_id);
    if (users.length === 0) found.strays.push(`the row of the input ${input.input_id}`);
    if (users.some(isKept)) named.set(input.storage_key, input);
  }
  for (const task of tasks) {
    if (task.files_expired_at !== null && isKept(task)) {
      found.strays.push(`${task.task_id} is expired, and its files are not noted as removed`);
    }
  }
  for (const [key, { sha256 }] of named) {
    const file = path.join(dataDir, key);
    if (!existsSync(file)) found.lost.push(`${key} is not there`);
    else if (hashOf(file) !== sha256) found.lost.push(`${key} is not whole`);
  }
  const kin = new Set([...named.keys()].flatMap((key) => [key, ...foldersOf(key)]));
  for (const name of readdirSync(dataDir, { recursive: true, encoding: 'utf8' })) {
    const isOurs =
      kin.has(name) ||
      ['inputs', 'results', 'tmp', 'logs', 'logs/server.log', ...SERVER_FILES].includes(name);
    if (!isOurs) found.strays.push(name);
  }
}

/**
 * Nothing ended a server but who was to.
 *
 * @param {string} dataDir
 * @param {Findings} found
 */
function checkLog(dataDir, found) {
  const lines = readFileSync(path.join(dataDir, 'logs/server.log'), 'utf8').split('\n');
  for (const line of lines) if (line.startsWith('{"level":60')) found.others.push(line);
}

/** @param {string} key */
function foldersOf(key) {
  const parts = key.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** @param {string} file */
const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
