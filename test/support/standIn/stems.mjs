import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { wavHeader } from '../wavHeader.mjs';

const SAMPLE_RATE = 44_100;
let writer;

/** Writes a stem of silence, a second at most. @returns what the worker says of it */
export function writeSilence(instrument, { output_dir, options, duration_seconds }) {
  const frames = Math.max(1, Math.round(Math.min(duration_seconds, 1) * SAMPLE_RATE));
  const bytes = Buffer.concat([wavHeader(frames, SAMPLE_RATE), Buffer.alloc(frames * 4)]);
  const filename = `${instrument}.${options.output_format}`;
  writeFileSync(path.join(output_dir, filename), bytes);
  return {
    instrument,
    filename,
    format: options.output_format,
    bytes: bytes.byteLength,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    duration_seconds,
    sample_rate: SAMPLE_RATE,
    channels: 2,
    peak: 0,
    clipped_samples: 0,
  };
}

/** Has the real stem writer write noise, in a Python process that stays for the next time. */
export async function encodeNoise(step, instruments, { output_dir, options }) {
  writer ??= startWriter();
  const [seed, frames, channels, level] = step.split(':').slice(1).map(Number);
  const sound = { seed, frames, channels, level };
  const order = { do: 'write', sound, sample_rate: SAMPLE_RATE, instruments, output_dir, options };
  writer.child.stdin.write(`${JSON.stringify(order)}\n`);
  return JSON.parse((await writer.answers.next()).value).stems;
}

function startWriter() {
  const script = path.join(import.meta.dirname, '..', 'stem_peer.py');
  const child = spawn(process.env.STAND_IN_PYTHON, ['-B', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  return { child, answers: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}
