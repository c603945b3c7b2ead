#!/usr/bin/env node
// A worker without torch, which speaks the real protocol and does on command what the real one cannot: it
// is given to the server as its engine interpreter. STAND_IN_PLAN names a file of one word per `separate`
// call, in order; when they run out, or without a file, every call succeeds.
//   ok | die | hang (until cancelled) | hold:FILE (until it is there, or cancelled) | fail:KIND
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  createMessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';

const connection = createMessageConnection(
  new StreamMessageReader(process.stdin),
  new StreamMessageWriter(process.stdout),
);
let loaded = new Set();
let loads = 0;

/** Takes the next word of the plan; the file is shared with the workers that come after this one. */
function nextStep() {
  const file = process.env.STAND_IN_PLAN;
  if (!file) return 'ok';
  const [step = 'ok', ...rest] = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  writeFileSync(file, rest.join('\n'));
  return step;
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
  const tell = (stage, done, total) =>
    connection.sendNotification('progress', { task_id, attempt, stage, done, total });
  await tell('loading_model', 0, 0);
  await tell('separating', 1, 2);
  if (step === 'die') process.kill(process.pid, 'SIGKILL');
  if (step === 'hang' && !token.isCancellationRequested) {
    await new Promise((resolve) => token.onCancellationRequested(resolve));
  }
  if (step.startsWith('hold:')) {
    const file = step.slice('hold:'.length);
    while (!token.isCancellationRequested && !existsSync(file)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  if (token.isCancellationRequested) {
    return new ResponseError(-32001, 'cancelled', { kind: 'CANCELLED', traceback: null });
  }
  if (step.startsWith('fail:')) {
    return new ResponseError(-32001, 'It failed as the plan says.', {
      kind: step.slice('fail:'.length),
      traceback: 'Traceback: the plan said so',
    });
  }
  if (!loaded.has(model.name)) {
    loaded.add(model.name);
    loads += 1;
  }
  const names = [...options.instruments, ...(options.extract_instrumental ? ['instrumental'] : [])];
  const stems = names.map((instrument) => {
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
  });
  await tell('encoding', 0, 0);
  return {
    task_id,
    attempt,
    stems,
    warnings: [],
    stage_seconds: { loading_model: 0, decoding: 0, separating: 0, encoding: 0 },
    model_loads: loads,
    forward_seconds: 0,
  };
});

connection.onRequest('shutdown', () => {
  setImmediate(() => process.exit(0));
  return null;
});
process.stdin.on('end', () => process.exit(0));
connection.listen();
