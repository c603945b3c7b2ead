import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';

import { stemsIn } from './contest.mjs';
import { measured } from './measured.mjs';
import { startProgram } from './program.mjs';

/**
 * MSST's Python API with the model loaded and warm: no server, no queue.
 *
 * @type {import('./contest.mjs').Contender}
 */
export async function pythonApi({ bench, model, device, songs, songsFolder, folder, env }) {
  const out = path.join(folder, 'stems');
  const warmUp = path.join(folder, 'warm-up');
  await mkdir(warmUp);
  await copyFile(songs[0] ?? '', path.join(warmUp, path.basename(songs[0] ?? '')));
  const script = path.join(import.meta.dirname, 'python_api.py');
  const modelArgs = [model.config, model.checkpoint, model.architecture, device];
  const program = startProgram(bench.engine, [script, ...modelArgs, warmUp, songsFolder, out], {
    env,
    cwd: folder,
  });
  await program.line('ready');
  const beganAtMs = Date.now();
  const { cost } = await measured(async () => {
    program.tell('go');
    await program.line('done');
  });
  await program.ended;
  const { stems, firstAtMs } = await stemsIn(out);
  return { cost, stems, firstSeconds: (firstAtMs - beganAtMs) / 1000 };
}
