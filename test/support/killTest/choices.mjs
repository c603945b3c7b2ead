import { SERVER_POINTS, WORKER_POINTS } from './points.mjs';

/**
 * How a round ends. `point`: by the server's preload, at that point; where it is not reached, as `else` says.
 * `afterMs`: at that time after the start of the process, wherever it is.
 *
 * @typedef {{ point: string, occurrence: number, victims: Victims, else: 'SIGKILL' | 'SIGTERM' }} KillAtPoint
 * @typedef {{ afterMs: number, signal: 'SIGKILL' | 'SIGTERM' }} KillAtTime
 * @typedef {'server' | 'worker' | 'media' | 'both'} Victims
 */

/**
 * What a client does next; `which` chooses among the tasks known then.
 *
 * @typedef {{ do: 'submit' | 'cut' | 'cancel' | 'delete' | 'poll' | 'download' | 'list', which: number }
 *   | { do: 'pause', ms: number } | { do: 'repeat' }} Action
 */

/**
 * One life of a server.
 *
 * @typedef {object} Round
 * @property {KillAtPoint | KillAtTime} end
 * @property {string[]} plan what the worker does at its calls
 * @property {Action[][]} clients what each of the clients does, one after the other
 * @property {{ which: number, what: 'files' | 'row' }[]} expiries ended tasks whose time comes before the next start
 */

const ANY_TIME_MS = 900;
/** Mostly few, for a start takes the most of the time; three in a row are what makes poison of a task. */
const ROUNDS = [1, 1, 1, 2, 2, 3];

/**
 * Everything that a run leaves to chance, from its seed alone: the same seed gives the same choices.
 *
 * @param {number} seed
 * @returns {Round[]} the lives of the servers that are ended; after them comes one that is let be
 */
export function choose(seed) {
  const random = randomFrom(seed);
  const below = (/** @type {number} */ n) => Math.floor(random() * n);
  /** @type {<T>(from: readonly T[]) => T} */
  const pick = (from) => /** @type {any} */ (from[below(from.length)]);
  /** @type {<T>(howMany: number, make: (at: number) => T) => T[]} */
  const several = (howMany, make) => Array.from({ length: howMany }, (_, at) => make(at));

  /** @returns {Action} */
  const action = () => {
    const what = pick(ACTIONS);
    return what === 'pause' ? { do: what, ms: below(80) } : { do: what, which: below(100) };
  };
  /** @returns {Round['end']} */
  const end = (/** @type {number} */ at) =>
    below(5) === 0
      ? { afterMs: below(ANY_TIME_MS), signal: pick(['SIGKILL', 'SIGKILL', 'SIGTERM']) }
      : {
          point: pick(at > 0 && below(3) === 0 ? LATER_POINTS : SERVER_POINTS),
          occurrence: 1 + below(3) * below(2),
          victims: pick(['server', 'server', 'server', 'both', 'worker', 'media']),
          else: pick(['SIGKILL', 'SIGTERM']),
        };
  const rounds = several(pick(ROUNDS), (at) => ({
    end: end(at),
    plan: several(below(5), () => pick(PLAN)),
    clients: several(2, () => several(3 + below(6), action)),
    expiries: /** @type {Round['expiries']} */ ([]),
  }));
  rounds.forEach(({ end, plan, clients }, at) => {
    if (below(3) === 0) expire(rounds[at]);
    if (!('point' in end)) return;
    // Most points are come to only when somebody brings the server there.
    for (const client of clients) client.unshift({ do: 'submit', which: 0 });
    const { actions = [], words = [], expiry } = WAYS.find((way) => way.to.test(end.point)) ?? {};
    plan.unshift(...words);
    for (const what of actions) clients[1]?.splice(2 + below(3), 0, { do: what, which: below(100) });
    if (expiry) expire(rounds[at - 1], expiry);
  });
  if (rounds.length === 3 && below(2) === 0) makePoison(rounds, () => pick(COMPUTING));
  return rounds;

  /** @type {(round: Round | undefined, what?: 'files' | 'row') => void} */
  function expire(round, what) {
    round?.expiries.push({ which: below(100), what: what ?? pick(['files', 'row']) });
  }
}

/**
 * Lets the oldest task be computed whenever a server dies, three times in a row.
 *
 * @param {Round[]} rounds
 * @param {() => string} pickPoint
 */
function makePoison(rounds, pickPoint) {
  for (const round of rounds) {
    round.end = { point: pickPoint(), occurrence: 1, victims: 'server', else: 'SIGKILL' };
    round.plan.unshift('hang');
    round.clients = [[{ do: 'submit', which: 0 }], [{ do: 'poll', which: 0 }]];
  }
}

/**
 * What leads to a point that is off the way of a plain task.
 *
 * @type {{ to: RegExp, actions?: ('cancel' | 'delete')[], words?: string[], expiry?: 'files' | 'row' }[]}
 */
const WAYS = [
  { to: /^cancel-/, actions: ['cancel', 'cancel'], words: ['hang'] },
  { to: /^(deletion-|results-|input-|erasure-)/, actions: ['delete', 'delete'] },
  { to: /^failure-/, words: ['fail:SEPARATION_FAILED'] },
  { to: /^requeue-/, words: ['die'] },
  { to: /^(expiry|removal)-/, expiry: 'files' },
  { to: /^retirement-/, expiry: 'row' },
];

/** @type {readonly Exclude<Action['do'], never>[]} */
const ACTIONS = [
  ...Array(5).fill('submit'),
  ...[
    'cut',
    'cancel',
    'cancel',
    'delete',
    'delete',
    'poll',
    'poll',
    'download',
    'list',
    'pause',
    'pause',
    'pause',
  ],
];
/** Come to at the start, where there was a server before. */
const LATER_POINTS = SERVER_POINTS.filter((point) => /^(recovery|expiry|removal|retirement)-/.test(point));
/** Past the claim of a task, and before its end. */
const COMPUTING = ['claim-committed', 'attempt-folders-made', 'separate-sent', 'progress-received'];
const PLAN = ['ok', 'ok', 'ok', 'ok', 'hang', 'fail:SEPARATION_FAILED', ...WORKER_POINTS];

/**
 * mulberry32: numbers from 0 to below 1, always the same ones for a seed.
 *
 * @param {number} seed
 */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
