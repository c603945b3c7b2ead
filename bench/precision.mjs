// What bf16, fp16 and compiling gain, and what they cost: seconds in the network, and agreement of the stems with fp32.
// node bench/precision.mjs [starter] [everyday] [--song FILE]
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { projectRoot, runBench } from './prepare.mjs';
import { printHeader, printTable } from './report.mjs';
import { makeAudio } from './songs.mjs';

const SONG_SECONDS = 24;

/**
 * One way of computing a model, as `precision.py` found it.
 *
 * @typedef {object} Way
 * @property {string} precision
 * @property {boolean} compile
 * @property {string} [failure] why there is nothing else
 * @property {number} first_seconds in the network for the first song, compiling included
 * @property {number} seconds for the second song
 * @property {string[]} warnings what a task would be told
 * @property {Record<string, number | null>} agreement of each stem with fp32, in dB; null: the same samples
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { song: { type: 'string' } },
});

await runBench(async (bench) => {
  printHeader(['node bench/precision.mjs', ...process.argv.slice(2)].join(' '));
  const song = path.resolve(values.song ?? path.join(bench.folder, 'song.wav'));
  if (values.song === undefined) await makeAudio(bench, 'wav', song, SONG_SECONDS);
  for (const model of ['starter', 'everyday']) {
    if (positionals.length > 0 && !positionals.includes(model)) continue;
    const { device, ways } = await compute(bench, model, song);
    process.stdout.write(`${model} on ${device}\n\n`);
    printTable(ways.map((way) => toRow(way, ways)));
    const remarks = ways.map(({ failure, warnings }) => failure ?? warnings.join('; ')).filter(Boolean);
    for (const remark of new Set(remarks)) process.stdout.write(`- ${remark}\n`);
    process.stdout.write('\n');
  }
});

/**
 * @param {import('./prepare.mjs').Bench} bench
 * @param {string} model
 * @param {string} song
 * @returns {Promise<{ device: string, ways: Way[] }>}
 */
async function compute({ folder, engine, runPython }, model, song) {
  const script = path.join(import.meta.dirname, 'precision.py');
  const out = path.join(folder, model);
  mkdirSync(out);
  const files =
    model === 'starter'
      ? [
          path.join(projectRoot, 'configs/config_starter.yaml'),
          path.join(projectRoot, 'pretrain/starter.ckpt'),
        ]
      : [path.join(import.meta.dirname, 'everyday.yaml'), path.join(folder, 'everyday.ckpt')];
  if (model === 'everyday') {
    await runPython(engine, path.join(import.meta.dirname, 'random_weights.py'), ...files);
  }
  await runPython(engine, script, ...files, song, out);
  return JSON.parse(readFileSync(path.join(out, 'answer.json'), 'utf8'));
}

/**
 * @param {Way} way
 * @param {Way[]} ways the first is fp32, not compiled
 */
function toRow(way, ways) {
  const fp32 = ways[0]?.seconds ?? NaN;
  const worst = Math.min(...Object.values(way.agreement ?? {}).map((agreement) => agreement ?? Infinity));
  const isThere = way.failure === undefined;
  return {
    precision: way.precision,
    compiled: way.compile ? 'yes' : 'no',
    'forward s': isThere ? way.seconds.toFixed(2) : '–',
    'of fp32': isThere ? (way.seconds / fp32).toFixed(2) : '–',
    'first song s': isThere ? way.first_seconds.toFixed(1) : '–',
    'worst stem dB': !isThere ? '–' : worst === Infinity ? 'the same' : worst.toFixed(1),
  };
}
