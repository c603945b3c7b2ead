import path from 'node:path';
import { bundle } from './bundle.mjs';
import { choose } from './choices.mjs';
import { makeTemplate } from './database.mjs';
import { runSeed } from './run.mjs';

const projectRoot = path.resolve(import.meta.dirname, '../../..');

/**
 * @typedef {object} Summary
 * @property {number} seeds
 * @property {number} lives servers that were started
 * @property {number} tasks that were answered 201
 * @property {number} lost
 * @property {number} doubled
 * @property {number} orphans
 * @property {number} strays
 * @property {number} others breaches of any other kind
 * @property {number} slowestChildMs the longest that a child outlived its server
 * @property {Record<string, number>} ends what became of the tasks, also of those whose 201 was cut off
 * @property {Record<string, number>} kills how often a server's life ended how
 * @property {string[]} breaches each with its seed; the first of a seed with the folder that the run left, and its choices
 */

/**
 * Runs seed after seed, several at a time, and adds up what they did.
 *
 * @param {{ first: number, count: number, atOnce: number, media: string, folder: string,
 *   onSeed?: (summary: Summary) => void }} options `folder`: an empty one
 * @returns {Promise<Summary>}
 */
export async function runSeeds({ first, count, atOnce, media, folder, onSeed }) {
  const template = path.join(folder, 'template.db');
  await makeTemplate(projectRoot, template);
  const program = await bundle(projectRoot);
  const place = { projectRoot, program, media, folder, template };
  /** @type {Summary} */
  const summary = {
    ...{
      seeds: 0,
      lives: 0,
      tasks: 0,
      lost: 0,
      doubled: 0,
      orphans: 0,
      strays: 0,
      others: 0,
      slowestChildMs: 0,
    },
    ends: {},
    kills: {},
    breaches: [],
  };
  let next = first;
  const work = async () => {
    while (next < first + count) {
      const seed = next;
      next += 1;
      add(summary, await runSeed(place, seed));
      onSeed?.(summary);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    await program.remove();
  }
  return summary;
}

/**
 * @param {Summary} summary
 * @param {import('./run.mjs').Outcome} outcome
 */
function add(summary, outcome) {
  summary.seeds += 1;
  summary.lives += outcome.lives;
  summary.tasks += outcome.tasks;
  summary.slowestChildMs = Math.max(summary.slowestChildMs, outcome.slowestChildMs);
  for (const which of /** @type {const} */ (['ends', 'kills'])) {
    for (const [what, times] of Object.entries(outcome[which])) {
      summary[which][what] = (summary[which][what] ?? 0) + times;
    }
  }
  let isFirst = true;
  for (const kind of /** @type {const} */ (['lost', 'doubled', 'orphans', 'strays', 'others'])) {
    summary[kind] += outcome[kind].length;
    for (const breach of outcome[kind]) {
      const choices = isFirst ? `\n${outcome.home}\n${JSON.stringify(choose(outcome.seed))}` : '';
      summary.breaches.push(`seed ${outcome.seed}, ${kind}: ${breach}${choices}`);
      isFirst = false;
    }
  }
}
