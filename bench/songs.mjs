import { randomFillSync } from 'node:crypto';
import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { projectRoot } from './prepare.mjs';

const RATE = 44_100;
const FRAME_BYTES = 4;
const HEADER_BYTES = 44;

/**
 * Writes a stereo 16-bit WAV of white noise, exactly so long.
 *
 * @param {string} file
 * @param {number} bytes a multiple of 4
 */
export async function writeNoiseWav(file, bytes) {
  const noise = randomFillSync(Buffer.alloc(1_000_000));
  const out = await open(file, 'w');
  try {
    await out.writeFile(wavHeader(bytes - HEADER_BYTES));
    for (let left = bytes - HEADER_BYTES; left > 0; left -= noise.byteLength) {
      await out.writeFile(noise.subarray(0, Math.min(left, noise.byteLength)));
    }
  } finally {
    await out.close();
  }
}

/**
 * Writes a FLAC of white noise, as near below that length as whole seconds allow. Noise does not compress: its
 * frames are as large as they get.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} file
 * @param {number} bytes
 */
export async function writeNoiseFlac({ media, runPython }, file, bytes) {
  const seconds = Math.floor((bytes * 0.99) / (RATE * FRAME_BYTES));
  await runPython(media, path.join(import.meta.dirname, 'noise_flac.py'), file, String(seconds));
}

/**
 * Writes an MP3 of 128 kbit/s, as near below that length as whole half minutes allow: the same frames again and
 * again, with no header that counts them.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} file
 * @param {number} bytes
 */
export async function writeLongMp3(bench, file, bytes) {
  await makeAudio(bench, 'mp3-no-xing', file, 30);
  const frames = await readFile(file);
  await writeFile(
    file,
    Array.from({ length: Math.floor(bytes / frames.byteLength) }, () => frames),
  );
}

/**
 * Writes a song of one of the kinds of `make_audio.py`.
 *
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} kind
 * @param {string} file
 * @param {number} seconds
 */
export async function makeAudio({ media, runPython }, kind, file, seconds) {
  const script = path.join(projectRoot, 'test', 'support', 'make_audio.py');
  await runPython(media, script, kind, file, '--seconds', String(seconds));
}

/** @param {number} dataBytes */
function wavHeader(dataBytes) {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('RIFF', 0);
  header.writeUInt32LE(HEADER_BYTES - 8 + dataBytes, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(2, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * FRAME_BYTES, 28);
  header.writeUInt16LE(FRAME_BYTES, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(dataBytes, 40);
  return header;
}
