#!/usr/bin/env node
// A Python child in name only: it speaks the real framing, ignores its arguments, and does what its requests
// tell it to, which no well-behaved child would. MISBEHAVIOUR changes it as a whole:
//   mute (never answers initialize or shutdown) | die-at-start | old-protocol
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import {
  createMessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';

const mode = process.env.MISBEHAVIOUR;
if (mode === 'die-at-start') process.exit(3);

const connection = createMessageConnection(
  new StreamMessageReader(process.stdin),
  new StreamMessageWriter(process.stdout),
);
const never = new Promise(() => undefined);
const refusal = (kind, message) =>
  new ResponseError(-32001, message, { kind, traceback: 'Traceback (most recent call last)' });
const untilCancelled = (token) =>
  new Promise((resolve) => {
    const answer = () => resolve(refusal('CANCELLED', 'It was cancelled.'));
    // A request that was cancelled before it was dispatched gets a token that tells nobody.
    if (token.isCancellationRequested) answer();
    else token.onCancellationRequested(answer);
  });

connection.onRequest('initialize', ({ role }) => {
  if (mode === 'mute') return never;
  const protocol_version = mode === 'old-protocol' ? 0 : 1;
  if (role === 'media') return { protocol_version };
  return {
    protocol_version,
    pid: process.pid,
    python_version: '3.11.7',
    torch_version: '2.13.0',
    msst: { call_shape: 'package', version: null },
    device: { kind: 'cpu', name: 'CPU', uuid: null, total_memory_bytes: 0 },
  };
});
connection.onRequest('shutdown', () => {
  if (mode === 'mute') return never;
  setImmediate(() => process.exit(0));
  return null;
});

connection.onRequest('echo', (params) => params);
connection.onRequest('environment', () => ({ env: process.env, argv: process.argv.slice(2) }));
connection.onRequest('refuse', ({ kind, message }) => refusal(kind, message));
connection.onRequest('exit', ({ code }) => process.exit(code));
connection.onRequest('hang', (_params, token) => untilCancelled(token));
connection.onRequest('ignore-cancel', () => never);
connection.onRequest('garbage', ({ bytes, thenMegabytes = 0 }) => {
  process.stdout.write(bytes + 'x'.repeat(thenMegabytes * 1e6));
  return never;
});
connection.onRequest('grandchild', ({ stderr = 'ignore' }) => ({
  pid: spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: ['ignore', 'ignore', stderr] })
    .pid,
}));
connection.onRequest('notify', ({ method, params }) => {
  void connection.sendNotification(method, params);
  return null;
});
connection.onRequest('flood', ({ bytes }) => {
  process.stderr.write('x'.repeat(bytes));
  return null;
});

/** What a probe does stands in the path, or in the file there: `die`, `die-once:FILE`, `refuse:KIND`, `stage:HOW`, `wait:FILE`
 *  (says so beside the file and waits until it is there); else it succeeds. */
connection.onRequest('probe', async ({ path }) => {
  const [what, argument] = (existsSync(path) ? readFileSync(path, 'utf8') : path).split(':');
  if (what === 'die') process.exit(1);
  if (what === 'die-once' && !existsSync(argument)) {
    writeFileSync(argument, '');
    process.exit(1);
  }
  if (what === 'refuse') return refusal(argument, 'There is no audio in it.');
  if (what === 'wait') {
    writeFileSync(`${argument}.${process.pid}`, '');
    while (!existsSync(argument)) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    container: 'wav',
    codec: `pid ${process.pid}`,
    sample_rate: 44100,
    channels: 2,
    duration_seconds: 1,
    staging_reason: what === 'stage' ? 'it is to be staged' : null,
  };
});
/** What a staging does stands in the path, or in the file there: `ignore` a cancel; `beat` with (or `work`, with CPU
 *  time in each beat) or without heartbeats (`silent`), ending when it is cancelled; else nothing until then. */
connection.onRequest('stage', async ({ task_id, attempt, path }, token) => {
  const what = (existsSync(path) ? readFileSync(path, 'utf8') : path).replace('stage:', '');
  if (what === 'ignore') return never;
  let cpu = 0;
  const beat = () => {
    if (what === 'work') cpu += 1;
    const message = { task_id, attempt, cpu_seconds: cpu, rss_bytes: 0 };
    void connection.sendNotification('heartbeat', message);
  };
  const beating = what === 'beat' || what === 'work' ? setInterval(beat, 20) : undefined;
  return untilCancelled(token).finally(() => clearInterval(beating));
});

/** What separating does stands in the name of the model. */
connection.onRequest('separate', async ({ task_id, attempt, model }, token) => {
  const progress = (key, done) =>
    connection.sendNotification('progress', { ...key, stage: 'separating', done, total: 9 });
  if (model.name === 'hang') return untilCancelled(token);
  if (model.name === 'ignore-cancel') return never;
  if (model.name === 'die') process.exit(1);
  await progress({ task_id: 'another', attempt }, 1);
  await progress({ task_id, attempt: attempt + 1 }, 2);
  await progress({ task_id, attempt }, 3);
  return {
    task_id,
    attempt: model.name === 'mistaken' ? attempt + 1 : attempt,
    stems: [
      {
        instrument: 'drums',
        filename: 'drums.wav',
        format: 'wav',
        bytes: 4,
        sha256: 'ab'.repeat(32),
        duration_seconds: 1,
        sample_rate: 44100,
        channels: 2,
        peak: 0,
        clipped_samples: 0,
      },
    ],
    warnings: [],
    stage_seconds: { loading_model: 0, decoding: 0, separating: 0, encoding: 0 },
    model_loads: 1,
    device_peak: null,
    forward_seconds: 0,
    memory_retries: 0,
  };
});

process.stdin.on('close', () => process.exit(0));
connection.listen();
