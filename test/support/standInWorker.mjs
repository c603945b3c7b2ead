#!/usr/bin/env node
// A worker without torch, which speaks the real protocol and does on command what the real one cannot: it
// is given to the server as its engine interpreter. STAND_IN_PLAN names a file of one word per `separate`
// call, in order; when they run out, or without a file, every call succeeds.
//   ok | die | hang (until cancelled) | hold:FILE (until it is there, or cancelled) | fail:KIND
//   leak:BYTES                            succeeds, and holds so much more memory than before, as it says
//   fail:KIND:MESSAGE                     with that message, percent-encoded
//   die:begun | die:between-stems | die:before-answer      dies at that point of the call
//   at:STAGE:DONE:TOTAL                   tells this progress, then hangs
//   freeze                                is stopped whole, heartbeats and all
//   stall | toil:FILE                     computes no chunk more, without CPU time, or with (until it is there)
//   ignore-cancel                         never answers, whatever it is told
//   stale:FILE                            before it succeeds, speaks of other attempts and answers other requests,
//                                         tells 2 of 3 chunks of its own, and waits until the file is there
//   mistaken                              answers for another attempt
//   garbage | flood                       before it succeeds, a stray byte on stdout, or 16 MB on stderr
//   grandchild                            before it succeeds, starts a process, whose pid it notes
//   encode:SEED:FRAMES:CHANNELS:LEVEL     writes noise by the real stem writer, run by STAND_IN_PYTHON
// `load` calls have words of their own, wherever they stand in the plan:
//   load:ok | load:die | load:fail:KIND | load:wait:FILE (until it is there)
// Beside that file, for all workers of the server together (`standIn.ts` reads and writes them):
//   PLAN.diary   what each did, a JSON object a line: its start, the begin and end of every call, and a death
//   PLAN.hold    the name of a stage: a call that comes to it waits there as long as the file says so
//   PLAN.broken  CUDA_VISIBLE_DEVICES a line (`cpu` for none): a worker of such a device ends at its start
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import {
  createMessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';

const writerToServer = new StreamMessageWriter(process.stdout);
const connection = createMessageConnection(new StreamMessageReader(process.stdin), writerToServer);
let loaded = new Set();
let loads = 0;
let rssBytes = 100_000_000;
const device = process.env.CUDA_VISIBLE_DEVICES || 'cpu';

/** What stands in a file beside the plan; empty where there is none. */
function beside(name) {
  try {
    return readFileSync(`${process.env.STAND_IN_PLAN}.${name}`, 'utf8').trim();
  } catch {
    // To look first would not do: the test may remove it between the look and the reading.
    return '';
  }
}

function note(event, facts = {}) {
  if (!process.env.STAND_IN_PLAN) return;
  const line = JSON.stringify({ event, pid: process.pid, device, ...facts });
  appendFileSync(`${process.env.STAND_IN_PLAN}.diary`, `${line}\n`);
}

async function waitWhileHeld(stage, token) {
  while (beside('hold') === stage && !token.isCancellationRequested) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

if (beside('broken').split('\n').includes(device)) process.exit(1);
note('start');

/** Takes the next word of the plan; the file is shared with the workers that come after this one. */
function nextStep() {
  const file = process.env.STAND_IN_PLAN;
  if (!file) return 'ok';
  const [step = 'ok', ...rest] = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  writeFileSync(file, rest.join('\n'));
  return step;
}

/** Takes the next word of the plan for a `load`. */
function nextLoadStep() {
  const file = process.env.STAND_IN_PLAN;
  if (!file) return 'ok';
  const steps = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const at = steps.findIndex((step) => step.startsWith('load:'));
  if (at < 0) return 'ok';
  const [step] = steps.splice(at, 1);
  writeFileSync(file, steps.join('\n'));
  return step.slice('load:'.length);
}

let writer;

/** Has the real stem writer write noise, in a Python process that stays for the next time. */
async function encode(step, request) {
  if (!writer) {
    const script = path.join(import.meta.dirname, 'stem_peer.py');
    const child = spawn(process.env.STAND_IN_PYTHON, ['-B', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    writer = { child, answers };
  }
  const [seed, frames, channels, level] = step.split(':').slice(1).map(Number);
  const sound = { seed, frames, channels, level };
  writer.child.stdin.write(`${JSON.stringify({ do: 'write', sound, sample_rate: 44100, ...request })}\n`);
  return JSON.parse((await writer.answers.next()).value).stems;
}

function wav(seconds, rate) {
  const frames = Math.max(1, Math.round(seconds * rate));
  const file = Buffer.alloc(44 + frames * 4);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + frames * 4, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(2, 22);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(rate * 4, 28);
  file.writeUInt16LE(4, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(frames * 4, 40);
  return file;
}

let current = { task_id: null, attempt: null };
/** CPU seconds that it claims to have used: it seems to work all the time, but while it stalls. */
let cpuSeconds = 1;
let isStalling = false;
setInterval(
  () => {
    cpuSeconds += isStalling ? 0 : 1;
    void connection.sendNotification('heartbeat', { ...current, cpu_seconds: cpuSeconds, rss_bytes: 1 });
  },
  Number(process.env.STAND_IN_BEAT_MS ?? 2000),
).unref();

/** Does what no worker should, and then goes on as if nothing were. */
async function misbehave(step, { task_id, attempt }) {
  if (step === 'freeze') process.kill(process.pid, 'SIGSTOP');
  if (step.startsWith('stale:')) {
    const late = { stage: 'encoding', done: 0, total: 0 };
    await connection.sendNotification('progress', { task_id, attempt: attempt + 1, ...late });
    await connection.sendNotification('progress', { task_id: 'another', attempt, ...late });
    await connection.sendNotification('computed', { task_id: 'another', attempt });
    for (const id of [0, 999_999, 'another']) {
      await writerToServer.write({ jsonrpc: '2.0', id, result: { task_id, attempt: attempt - 1 } });
    }
  }
  if (step === 'stall' || step.startsWith('toil:') || step.startsWith('stale:')) {
    const chunk = { stage: 'separating', done: 2, total: 3 };
    await connection.sendNotification('progress', { task_id, attempt, ...chunk });
    isStalling = step === 'stall';
    const gate = step.slice(step.indexOf(':') + 1);
    while (isStalling || !existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  if (step === 'ignore-cancel') await new Promise(() => undefined);
  if (step === 'garbage') process.stdout.write('!');
  if (step === 'flood') {
    const line = `${'x'.repeat(999)}\n`;
    for (let n = 0; n < 16_000; n += 1) process.stderr.write(line);
  }
  if (step === 'grandchild') {
    const idle = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    note('grandchild', { grandchild: idle.pid, task_id, attempt });
  }
}

connection.onRequest('initialize', () => ({
  protocol_version: 1,
  pid: process.pid,
  python_version: '3.11.0',
  torch_version: '0.0.0',
  msst: { call_shape: 'package', version: null },
  device: { kind: 'cpu', name: 'stand-in', uuid: null, total_memory_bytes: 0 },
}));

connection.onRequest('separate', async (params, token) => {
  const { task_id, attempt, output_dir, options, model, duration_seconds } = params;
  const step = nextStep();
  const tell = async (stage, done, total) => {
    await connection.sendNotification('progress', { task_id, attempt, stage, done, total });
    await waitWhileHeld(stage, token);
  };
  const dieAt = (point) => {
    if (step !== point) return;
    note('die', { task_id, attempt, at: point });
    process.kill(process.pid, 'SIGKILL');
  };
  note('begin', { task_id, attempt });
  current = { task_id, attempt };
  dieAt('die:begun');
  await tell('loading_model', 0, 0);
  await tell('separating', 1, 2);
  dieAt('die');
  await misbehave(step, { task_id, attempt });
  const isStanding = step.startsWith('at:');
  if (isStanding) {
    const [, stage, done, total] = step.split(':');
    await tell(stage, Number(done), Number(total));
  }
  if ((step === 'hang' || isStanding) && !token.isCancellationRequested) {
    await new Promise((resolve) => token.onCancellationRequested(resolve));
  }
  if (step.startsWith('hold:')) {
    const file = step.slice('hold:'.length);
    while (!token.isCancellationRequested && !existsSync(file)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  if (token.isCancellationRequested) {
    note('end', { task_id, attempt });
    return new ResponseError(-32001, 'cancelled', { kind: 'CANCELLED', traceback: null });
  }
  if (step.startsWith('fail:')) {
    const [, kind, message] = step.split(':');
    note('end', { task_id, attempt });
    return new ResponseError(-32001, message ? decodeURIComponent(message) : 'It failed as the plan says.', {
      kind,
      traceback: 'Traceback: the plan said so',
    });
  }
  if (!loaded.has(model.name)) {
    loaded.add(model.name);
    loads += 1;
  }
  const names = [...options.instruments, ...(options.extract_instrumental ? ['instrumental'] : [])];
  const writeSilence = (instrument, position) => {
    if (position === 1) dieAt('die:between-stems');
    const bytes = wav(Math.min(duration_seconds, 1), 44100);
    const filename = `${instrument}.${options.output_format}`;
    writeFileSync(path.join(output_dir, filename), bytes);
    return {
      instrument,
      filename,
      format: options.output_format,
      bytes: bytes.byteLength,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      duration_seconds,
      sample_rate: 44100,
      channels: 2,
      peak: 0,
      clipped_samples: 0,
    };
  };
  const stems = step.startsWith('encode:')
    ? await encode(step, { instruments: names, output_dir, options })
    : names.map(writeSilence);
  await tell('encoding', 0, 0);
  dieAt('die:before-answer');
  if (step.startsWith('leak:')) rssBytes += Number(step.slice('leak:'.length));
  const beat = { task_id: null, attempt: null, cpu_seconds: 0, rss_bytes: rssBytes };
  // After the answer.
  setTimeout(() => void connection.sendNotification('heartbeat', beat), 20);
  note('end', { task_id, attempt });
  return {
    task_id,
    attempt: step === 'mistaken' ? attempt + 1 : attempt,
    stems,
    warnings: [],
    stage_seconds: { loading_model: 0, decoding: 0, separating: 0, encoding: 0 },
    model_loads: loads,
    forward_seconds: 0,
  };
});

connection.onRequest('load', async ({ model }) => {
  const step = nextLoadStep();
  if (step === 'die') process.kill(process.pid, 'SIGKILL');
  if (step.startsWith('fail:')) {
    return new ResponseError(-32001, 'The model cannot be loaded, as the plan says.', {
      kind: step.slice('fail:'.length),
      traceback: 'Traceback: the plan said so',
    });
  }
  if (step.startsWith('wait:')) {
    while (!existsSync(step.slice('wait:'.length))) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  if (!loaded.has(model.name)) loads += 1;
  loaded.add(model.name);
  return { seconds: 0, model_loads: loads, resident: [...loaded] };
});

connection.onRequest('unload', () => {
  const unloaded = [...loaded];
  loaded = new Set();
  return { unloaded, freed_bytes: 1000 * unloaded.length };
});

connection.onRequest('shutdown', () => {
  setImmediate(() => process.exit(0));
  return null;
});
process.stdin.on('end', () => process.exit(0));
connection.listen();
