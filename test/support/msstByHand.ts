import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { enginePython } from './python.ts';

/** One mixture for MSST, and the server's stems of it. */
export interface Asked {
  config_path: string;
  checkpoint_path: string;
  mixture: string;
  pcm_type: string;
  flac_file: boolean;
  use_tta?: boolean;
  bigshifts?: number;
  /** The server's file of each instrument. */
  stems: Record<string, string>;
}

/** For each instrument, how the server's stem compares with MSST's. */
export type Compared = Record<
  string,
  { equal: boolean; silent: boolean; difference?: number; of_msst?: string }
>;

/** A process that runs plain `proc_folder` and compares its stems with those of a server. */
export interface MsstByHand {
  /** One question at a time. */
  compare(asked: Asked): Promise<Compared>;
  close(): Promise<void>;
}

/** Starts it with the MSST of this folder. */
export function startMsstByHand(msstRoot: string): MsstByHand {
  const script = path.join(import.meta.dirname, 'msst_by_hand.py');
  const child = spawn(enginePython, ['-B', script, msstRoot], { stdio: ['pipe', 'pipe', 'pipe'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-10_000)));
  return {
    async compare(asked) {
      child.stdin.write(`${JSON.stringify(asked)}\n`);
      const { value, done } = await answers.next();
      if (done === true) throw new Error(errors);
      return JSON.parse(value) as Compared;
    },
    async close() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}
