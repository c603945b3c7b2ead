// Preload of a server under test (`node --import …/killPoints.mjs dist/main.js`): makes out the named points of
// `points.mjs` from outside, by what passes through SQLite, the file system, HTTP and the channels to the
// children, and kills at one of them. The server itself knows nothing of it.
//   KILL_POINT, KILL_OCCURRENCE   at which point, and at which time of coming to it (1 is the first)
//   KILL_VICTIMS                  server | worker | media | both (the server and all its children)
//   KILL_RECORD                   a file that says afterwards that it happened
import { appendFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

const require = createRequire(import.meta.url);
const { KILL_POINT: point, KILL_VICTIMS: victims, KILL_RECORD: record } = process.env;
let untilKill = Number(process.env.KILL_OCCURRENCE ?? 1);
/** @type {{ pid: number, kind: 'worker' | 'media' }[]} */
const children = [];

/**
 * The process has come to a point.
 *
 * @param {string} name
 */
function reach(name) {
  if (name !== point) return;
  untilKill -= 1;
  if (untilKill !== 0) return;
  if (record) appendFileSync(record, `${name}\n`);
  for (const { pid, kind } of children) {
    if (victims === 'both' || victims === kind) killNow(pid);
  }
  if (victims === 'server' || victims === 'both') process.kill(process.pid, 'SIGKILL');
}

/** @param {number} pid */
function killNow(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended before.
  }
}

watchTransactions();
watchFiles();
watchAnswers();
watchChannels();
watchChildren();

/** What a transaction is for is told by what it has written when it is about to be committed. */
function watchTransactions() {
  const { prototype } = require('better-sqlite3');
  const { prepare, transaction } = prototype;
  /** @type {{ sql: string, values: unknown[] }[] | undefined} the changes of the transaction that runs */
  let written;

  prototype.prepare = function (/** @type {string} */ sql) {
    const statement = prepare.call(this, sql);
    if (written === undefined) return statement;
    const { run } = statement;
    statement.run = function (/** @type {unknown[]} */ ...values) {
      const outcome = run.apply(this, values);
      if (outcome.changes > 0) written?.push({ sql, values });
      return outcome;
    };
    return statement;
  };

  prototype.transaction = function (/** @type {(...args: unknown[]) => unknown} */ body) {
    /** @type {string | undefined} */
    let after;
    const watched = transaction.call(this, (/** @type {unknown[]} */ ...args) => {
      written = [];
      try {
        const result = body(...args);
        const points = pointsOf(written);
        after = points?.after;
        if (points) reach(points.before);
        return result;
      } finally {
        written = undefined;
      }
    });
    const committing =
      (/** @type {(...args: unknown[]) => unknown} */ variant) =>
      (/** @type {unknown[]} */ ...args) => {
        after = undefined;
        const result = variant(...args);
        if (after) reach(after);
        return result;
      };
    const { deferred, immediate, exclusive } = watched;
    return Object.assign(committing(watched), {
      default: committing(watched.default),
      deferred: committing(deferred),
      immediate: committing(immediate),
      exclusive: committing(exclusive),
    });
  };
}

/** @param {{ sql: string, values: unknown[] }[]} written */
function pointsOf(written) {
  const did = (/** @type {RegExp} */ pattern, /** @type {unknown[]} */ ...oneOf) =>
    written.some(
      ({ sql, values }) =>
        pattern.test(sql) && (oneOf.length === 0 || oneOf.some((value) => values.includes(value))),
    );
  const committed = (/** @type {string} */ name) => ({
    before: `${name}-before-commit`,
    after: `${name}-committed`,
  });
  const marked = (/** @type {string} */ name) => ({ before: `${name}-before-mark`, after: `${name}-marked` });
  if (did(/^insert into "tasks"/)) return committed('accept');
  if (did(/^insert into "attempts"/)) return committed('claim');
  if (did(/^insert into "stems"/)) return committed('completion');
  if (did(/^delete from "tasks"/)) return committed('erasure');
  if (did(/^update "attempts"/, 'server_died')) return committed('recovery');
  if (did(/^update "attempts"/, 'failed')) return committed('failure');
  if (did(/^update "attempts"/, 'worker_died', 'server_stopped')) return committed('requeue');
  if (did(/^update "tasks" set .*"cancel_requested_at" = /)) return committed('cancel');
  if (did(/^update "tasks" set "deleted_at" = .* in \(/)) return marked('retirement');
  if (did(/^update "tasks" set "deleted_at" = /)) return marked('deletion');
  if (did(/^update "tasks" set .*"files_expired_at" = .* where/)) return marked('expiry');
  if (did(/^update "tasks" set "files_removed_at" = /))
    return { before: 'removal-before-note', after: 'removal-noted' };
  return undefined;
}

function watchFiles() {
  const promises = require('node:fs/promises');
  const { open, rename, mkdir, rm } = promises;

  promises.open = async (/** @type {[string, ...unknown[]]} */ ...args) => {
    const handle = await open(...args);
    if (!/[/]inputs[/][^/]+[/]upload$/.test(args[0])) return handle;
    reach('upload-begun');
    reachAfter(handle, 'writev', 'upload-half-written');
    reachAfter(handle, 'sync', 'upload-stored');
    return handle;
  };
  const watch = (
    /** @type {string} */ name,
    /** @type {(...args: any[]) => Promise<unknown>} */ original,
    /** @type {(...args: any[]) => string | undefined} */ pointOf,
  ) => {
    promises[name] = async (/** @type {unknown[]} */ ...args) => {
      const result = await original(...args);
      const reached = pointOf(...args);
      if (reached) reach(reached);
      return result;
    };
  };
  watch('rename', rename, (_from, to) => (/[/]mixture[.]/.test(to) ? 'mixture-named' : undefined));
  watch('mkdir', mkdir, (folder) =>
    /[/]tmp[/][^/]+[/]work$/.test(folder) ? 'attempt-folders-made' : undefined,
  );
  watch('rm', rm, (gone) => {
    const [, folder = ''] = /[/](results|inputs|tmp)[/][^/]+$/.exec(gone) ?? [];
    return { results: 'results-removed', inputs: 'input-removed', tmp: 'scratch-removed' }[folder];
  });
  syncBuiltinESMExports();
}

/**
 * @param {any} target
 * @param {string} method
 * @param {string} name
 */
function reachAfter(target, method, name) {
  const original = target[method].bind(target);
  target[method] = async (/** @type {unknown[]} */ ...args) => {
    const result = await original(...args);
    reach(name);
    return result;
  };
}

function watchAnswers() {
  const { prototype } = require('node:http').ServerResponse;
  const { writeHead } = prototype;
  prototype.writeHead = function (/** @type {[number, ...unknown[]]} */ ...args) {
    if (args[0] === 201) {
      reach('answer-before-201');
      this.once('finish', () => reach('answer-201-written'));
    }
    return writeHead.apply(this, args);
  };
}

function watchChannels() {
  const { StreamMessageReader, StreamMessageWriter } = require('vscode-jsonrpc/node');
  const { listen } = StreamMessageReader.prototype;
  const { write } = StreamMessageWriter.prototype;
  StreamMessageWriter.prototype.write = async function (/** @type {{ method?: string }} */ message) {
    const isSeparate = message.method === 'separate';
    if (isSeparate) reach('separate-before-sent');
    await write.call(this, message);
    if (message.method === 'stage') reach('stage-sent');
    if (isSeparate) reach('separate-sent');
  };
  StreamMessageReader.prototype.listen = function (/** @type {(message: any) => void} */ callback) {
    return listen.call(this, (/** @type {any} */ message) => {
      if (message.method === 'progress') reach('progress-received');
      if (message.result?.stems) reach('result-received');
      else if (message.result?.warnings) reach('stage-received');
      callback(message);
    });
  };
}

function watchChildren() {
  const { prototype } = require('node:child_process').ChildProcess;
  const { spawn } = prototype;
  prototype.spawn = function (/** @type {{ file: string, args: string[] }} */ options) {
    const outcome = spawn.call(this, options);
    if (this.pid !== undefined && options.args.includes('python_worker')) {
      children.push({
        pid: this.pid,
        kind: options.file.endsWith('standIn/worker.mjs') ? 'worker' : 'media',
      });
      reach('child-spawned');
    }
    return outcome;
  };
}
