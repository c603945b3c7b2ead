// A queue of songs by everything that can separate it, as a ratio to the network's own time: npm run bench
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { everydayModel, starterModel } from './models.mjs';
import { runBench } from './prepare.mjs';
import { runContest } from './queue/contenders.mjs';
import { readOptions, USAGE, UsageError } from './queue/options.mjs';
import { queueSongs } from './queue/queueSongs.mjs';
import { toRemarks, toRows } from './queue/table.mjs';
import { printHeader, printTable } from './report.mjs';

const FORWARD_NOTES = path.join(import.meta.dirname, 'queue', 'forward_notes');
const argv = process.argv.slice(2);

try {
  const options = readOptions(argv);
  if (options.help) process.stdout.write(USAGE);
  else await runBench((bench) => measure(bench, options));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}

/**
 * @param {import('./prepare.mjs').Bench} bench
 * @param {import('./queue/options.mjs').Options} options
 */
async function measure(bench, options) {
  const command = ['npm run bench --', ...argv].join(' ');
  const { songs, songsFolder } = await queueSongs(bench, options);
  const engine = await describeEngine(bench);
  printHeader(command);
  const gpu = engine.gpu === null ? '' : ` (${engine.gpu})`;
  process.stdout.write(`${songs.length} songs; torch ${engine.torch} on ${engine.device}${gpu}, `);
  process.stdout.write(`${engine.threads} threads for everybody\n\n`);
  const models = [];
  for (const name of options.models) {
    const size = engine.device === 'cuda' ? 'stock' : 'everyday';
    const model = name === 'everyday' ? await everydayModel(bench, size) : starterModel();
    const env = environment(engine.threads);
    const contest = { bench, model, device: engine.device, songs, songsFolder, folder: bench.folder, env };
    const found = await runContest(contest, options.rows, (text) =>
      process.stderr.write(`${name}: ${text}\n`),
    );
    process.stdout.write(`### ${name} (${path.basename(model.config)})\n\n`);
    printTable(toRows(found));
    process.stdout.write(`${toRemarks(found).join('\n')}\n\n`);
    models.push({ model: name, ...found });
    if (found.figures.some(({ row, failure }) => row === 'ours' && failure)) process.exitCode = 1;
  }
  const date = new Date().toISOString();
  const report = { command, date, ...engine, songs: songs.length, models };
  if (options.json) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
}

/**
 * As many threads for everybody as our worker uses, which is what torch takes by itself; and every forward call noted.
 *
 * @param {number} threads
 * @returns {NodeJS.ProcessEnv}
 */
function environment(threads) {
  const paths = [FORWARD_NOTES, ...(process.env.PYTHONPATH ? [process.env.PYTHONPATH] : [])];
  return {
    ...process.env,
    OMP_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    PYTHONPATH: paths.join(path.delimiter),
  };
}

/**
 * @param {import('./prepare.mjs').Bench} bench
 * @returns {Promise<{ torch: string, threads: number, device: string, gpu: string | null }>}
 */
async function describeEngine({ engine, runPython }) {
  return JSON.parse(await runPython(engine, path.join(import.meta.dirname, 'queue', 'describe_engine.py')));
}
