import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { enginePython } from './python.ts';

const inspectionSchema = z.object({
  container: z.string(),
  subtype: z.string(),
  frames: z.int(),
  channels: z.int(),
  sample_rate: z.int(),
  /** Of the noise that was to be written. */
  peak: z.number(),
  beyond_full_scale: z.int(),
  steps_off: z.number().nullable(),
  same_as_soundfile: z.boolean(),
});

/** The noise that the stand-in's `encode` writes. */
export interface Noise {
  seed: number;
  frames: number;
  channels: number;
  level: number;
}

/** A Python process that says what is in an audio file, by soundfile. */
export interface StemPeer {
  inspect(file: {
    path: string;
    pcm_type: string;
    sound: Noise;
    stem: number;
  }): Promise<z.output<typeof inspectionSchema>>;
  close(): Promise<void>;
}

/** Starts it. One question at a time. */
export function startStemPeer(): StemPeer {
  const script = path.join(import.meta.dirname, 'stem_peer.py');
  const child = spawn(enginePython, ['-B', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async inspect(file) {
      child.stdin.write(`${JSON.stringify({ do: 'inspect', ...file })}\n`);
      const { value } = await answers.next();
      return inspectionSchema.parse(JSON.parse(value ?? 'null'));
    },
    async close() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}
