import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { now } from '../supervision/clock.mjs';

/**
 * How long a Python needs that does nothing but load the model: none of ours runs in it.
 *
 * @param {string} python
 * @param {{ config: string, checkpoint: string, song: string }} files
 * @returns {Promise<{ torch: number, loaded: number, decoded: number }>} seconds from its spawn
 */
export async function bareStart(python, { config, checkpoint, song }) {
  const spawnedAt = now();
  const child = spawn(python, [path.join(import.meta.dirname, 'bare_start.py'), config, checkpoint, song], {
    // As for a worker: the interpreter may be a person's own.
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  /** @type {Record<string, number>} */
  const seconds = {};
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{')) continue;
    const { step, ms } = JSON.parse(line);
    seconds[step] = (ms - spawnedAt) / 1000;
  }
  const { torch, loaded, decoded } = seconds;
  if (torch === undefined || loaded === undefined || decoded === undefined) {
    throw new Error('a bare Python could not load the model');
  }
  return { torch, loaded, decoded };
}
