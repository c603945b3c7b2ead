import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { mediaPython } from './python.ts';

/** Every format that is taken, in each codec of it. */
export const SONG_KINDS = [
  'wav',
  'wav-s24',
  'wav-f32',
  'flac',
  'mp3',
  'ogg-vorbis',
  'ogg-opus',
  'm4a-aac',
  'm4a-alac',
] as const;

const MAKE_EACH = `
import sys
from make_audio import make
for kind in sys.argv[2:]:
    make(kind, f"{sys.argv[1]}/{kind}", seconds=0.1)
`;

/** Makes one file of each of these kinds of `make_audio.py`, a tenth of a second long. @returns their bytes */
export async function makeSongs<Kind extends string>(kinds: readonly Kind[]): Promise<Record<Kind, Buffer>> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-songs-'));
  try {
    // One process for them all: starting Python is what takes the time.
    await promisify(execFile)(mediaPython, ['-B', '-c', MAKE_EACH, folder, ...kinds], {
      cwd: import.meta.dirname,
    });
    const read = kinds.map(async (kind) => [kind, await readFile(path.join(folder, kind))] as const);
    return Object.fromEntries(await Promise.all(read)) as Record<Kind, Buffer>;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
