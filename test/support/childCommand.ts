import path from 'node:path';
import type { ChildCommand } from '../../src/workers/process/childProcess.ts';

/** Starts the misbehaving child instead of Python, with nothing in its environment but what it needs. */
export function misbehavingChild(misbehaviour?: 'mute' | 'die-at-start' | 'old-protocol'): ChildCommand {
  return {
    python: path.join(import.meta.dirname, 'misbehavingChild.mjs'),
    projectRoot: path.resolve(import.meta.dirname, '../..'),
    env: {
      PATH: process.env['PATH'] ?? '',
      ...(misbehaviour === undefined ? {} : { MISBEHAVIOUR: misbehaviour }),
    },
  };
}
