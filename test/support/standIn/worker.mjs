#!/usr/bin/env node
// A worker without torch, which speaks the real protocol and does as STAND_IN_PLAN says; README.md has the words.
import {
  createMessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';
import { misbehave } from './mischief.mjs';
import {
  deviceEnvironment,
  deviceMemory,
  isBroken,
  isFailing,
  linesAsTheyCome,
  nextLoadStep,
  nextStep,
  note,
  ownFile,
  untilThere,
  whileHeld,
} from './plan.mjs';
import { encodeNoise, writeSilence } from './stems.mjs';

if (isBroken()) process.exit(1);
note('start', { env: deviceEnvironment() });

const channel = new StreamMessageWriter(process.stdout);
const connection = createMessageConnection(new StreamMessageReader(process.stdin), channel);
const notify = (method, params) => connection.sendNotification(method, params);
const tellHolding = () => {
  const memory = deviceMemory();
  const held = memory && memory.held * loaded.size;
  return notify('holding', { models: [...loaded], device_bytes: held, device_used_bytes: held });
};
let loaded = new Set();
let loads = 0;
let rssBytes = 100_000_000;
let current = { task_id: null, attempt: null };
/** CPU seconds that it claims to have used: it seems to work all the time, but while it stalls. */
let cpuSeconds = 1;
let isWorking = true;

setInterval(
  () => {
    if (isWorking) cpuSeconds += 1;
    void notify('heartbeat', { ...current, cpu_seconds: cpuSeconds, rss_bytes: 1 });
  },
  Number(process.env.STAND_IN_BEAT_MS ?? 2000),
).unref();

connection.onRequest('initialize', (params) => {
  note('initialize', { params });
  return ready();
});

const ready = () => ({
  protocol_version: 1,
  pid: process.pid,
  python_version: '3.11.0',
  torch_version: '0.0.0',
  msst: { call_shape: 'package', version: null },
  device: { kind: 'cpu', name: 'stand-in', uuid: null, total_memory_bytes: deviceMemory()?.total ?? 0 },
});

connection.onRequest('separate', async (params, token) => {
  const { task_id, attempt } = params;
  const step = nextStep();
  const [word] = step.split(':');
  note('begin', { task_id, attempt, params });
  current = { task_id, attempt };
  const tell = async (stage, done, total) => {
    await notify('progress', { task_id, attempt, stage, done, total });
    await whileHeld(stage, token);
  };
  const dieAt = (point) => {
    if (step !== point) return;
    note('die', { task_id, attempt, at: point });
    process.kill(process.pid, 'SIGKILL');
  };

  if (isFailing()) process.exit(70);
  dieAt('die:begun');
  if (word !== 'at' && word !== 'told') {
    await tell('loading_model', 0, 0);
    await tell('separating', 1, 2);
  }
  dieAt('die');
  await misbehave(step, {
    ...{ task_id, attempt, notify },
    write: (message) => channel.write(message),
    stopWorking: () => (isWorking = false),
  });
  if (word === 'at') {
    const [, stage, done, total] = step.split(':');
    await tell(stage, Number(done), Number(total));
  }
  if (word === 'at' || word === 'hang') await untilCancelled(token);
  if (word === 'hold') await untilThere(step.slice('hold:'.length), token);
  const told = word === 'told' ? await tellAsTold(step, params, token, tell) : {};
  const isFailed = word === 'fail' || told.fail !== undefined;
  const failure = token.isCancellationRequested ? cancelled() : isFailed && planned(told.fail ?? step);
  if (failure) {
    note('end', { task_id, attempt });
    return failure;
  }

  load(params.model);
  const stems = await writeStems(step, params, dieAt);
  await tell('encoding', 0, 0);
  dieAt('die:before-answer');
  if (word === 'leak') rssBytes += Number(step.slice('leak:'.length));
  await tellHolding();
  const beat = { task_id: null, attempt: null, cpu_seconds: 0, rss_bytes: rssBytes };
  // After the answer.
  setTimeout(() => void notify('heartbeat', beat), 20);
  note('end', { task_id, attempt });
  return {
    task_id,
    attempt: step === 'mistaken' ? attempt + 1 : attempt,
    stems,
    warnings: [],
    stage_seconds: { loading_model: 0, decoding: 0, separating: 0, encoding: 0 },
    model_loads: loads,
    forward_seconds: 0,
    memory_retries: word === 'short' ? 1 : 0,
    device_peak: peakOf(params),
    ...told.answer,
  };
});

connection.onRequest('load', async (params) => {
  const { model } = params;
  note('load', { params });
  const step = nextLoadStep();
  if (step === 'die') process.kill(process.pid, 'SIGKILL');
  if (step.startsWith('fail:')) return planned(step);
  if (step.startsWith('wait:')) await untilThere(step.slice('wait:'.length));
  load(model);
  await tellHolding();
  return { seconds: 0, model_loads: loads, resident: [...loaded] };
});

connection.onNotification('prepare', (params) => note('prepare', { params }));

connection.onRequest('unload', async () => {
  const unloaded = [...loaded];
  loaded = new Set();
  await tellHolding();
  return { unloaded, freed_bytes: 1000 * unloaded.length };
});

connection.onRequest('shutdown', () => {
  setImmediate(() => process.exit(0));
  return null;
});
process.stdin.on('end', () => process.exit(0));
connection.listen();

function load({ name }) {
  if (!loaded.has(name)) loads += 1;
  loaded.add(name);
}

/** What the test says that the model takes, of songs as long as this or longer. */
function peakOf({ model }) {
  const bytes = deviceMemory()?.peaks[model.name];
  return bytes === undefined ? null : { bytes, any_length: true };
}

async function writeStems(step, params, dieAt) {
  const { instruments, extract_instrumental } = params.options;
  const names = [...instruments, ...(extract_instrumental ? ['instrumental'] : [])];
  if (step.startsWith('encode:')) return encodeNoise(step, names, params);
  return names.map((instrument, position) => {
    if (position === 1) dieAt('die:between-stems');
    return writeSilence(instrument, params);
  });
}

/** Tells the reports that a test writes, until it says how the call is to end. @returns that */
async function tellAsTold(step, { task_id, attempt }, token, tell) {
  const file = step.slice('told:'.length) || ownFile(`told.${task_id}.${attempt}`);
  for await (const line of linesAsTheyCome(file, token)) {
    if ('die' in line) {
      note('die', { task_id, attempt });
      process.kill(process.pid, 'SIGKILL');
    }
    if ('stage' in line) await tell(line.stage, line.done, line.total);
    else return line;
  }
  return {};
}

async function untilCancelled(token) {
  if (token.isCancellationRequested) return;
  await new Promise((resolve) => token.onCancellationRequested(resolve));
}

function cancelled() {
  return new ResponseError(-32001, 'cancelled', { kind: 'CANCELLED', traceback: null });
}

/** The failure that `fail:KIND` or `fail:KIND:MESSAGE` asks for. */
function planned(step) {
  const [, kind, message] = step.split(':');
  return new ResponseError(-32001, message ? decodeURIComponent(message) : 'It failed as the plan says.', {
    kind,
    traceback: 'Traceback: the plan said so',
  });
}
