import { audioSeparator } from './audioSeparator.mjs';
import { commandLineOfFolder, commandLinePerFile } from './commandLine.mjs';
import { inOwnFolder, readModelYaml } from './contest.mjs';
import { measureFloor } from './floor.mjs';
import { gapsBetweenSongs, readForwards, secondsIn } from './forwards.mjs';
import { ours } from './ours.mjs';
import { pymss } from './pymss.mjs';
import { pythonApi } from './pythonApi.mjs';

/** @type {Record<string, import('./contest.mjs').Contender>} */
const CONTENDERS = {
  'cli-file': commandLinePerFile,
  'cli-folder': commandLineOfFolder,
  api: pythonApi,
  pymss,
  'audio-separator': audioSeparator,
  ours,
};

/**
 * What one contender took.
 *
 * @typedef {object} Figures
 * @property {string} row
 * @property {string} [failure] why there is nothing but this
 * @property {number} [floorSeconds] mean of the floors just before and just after
 * @property {number} [wallSeconds]
 * @property {number} [cpuSeconds]
 * @property {number} [peakBytes]
 * @property {number} [firstSeconds]
 * @property {number} [forwardSeconds] of its own forward calls
 * @property {number} [forwardCalls]
 * @property {number[] | null} [gapsMs] between the songs; null when they cannot be told apart
 * @property {number} [nodeCpuSeconds]
 */

/**
 * Lets the contenders separate the same songs one after the other, with the floor measured before, between and after.
 *
 * @param {import('./contest.mjs').Contest} contest
 * @param {readonly string[]} rows
 * @param {(text: string) => void} say
 */
export async function runContest(contest, rows, say) {
  const asked = Object.entries(CONTENDERS).filter(([name]) => rows.includes(name));
  say('floor…');
  const floors = [await measureFloor(contest)];
  /** @type {Figures[]} */
  const figures = [];
  for (const [row, contender] of asked) {
    say(`${row}…`);
    const before = /** @type {import('./floor.mjs').Floor} */ (floors.at(-1));
    const found = await runOne(contest, row, contender, before.calls);
    if (!found.failure) {
      say('floor…');
      const after = await measureFloor(contest);
      floors.push(after);
      found.floorSeconds = (before.seconds + after.seconds) / 2;
    }
    figures.push(found);
  }
  return { floors, figures };
}

/**
 * @param {import('./contest.mjs').Contest} contest
 * @param {string} row
 * @param {import('./contest.mjs').Contender} contender
 * @param {number[]} callsOfSongs
 * @returns {Promise<Figures>}
 */
async function runOne(contest, row, contender, callsOfSongs) {
  try {
    return await inOwnFolder(contest, row, async (own, notes) => {
      const { cost, firstSeconds, stems, nodeCpu } = await contender(own);
      const expected = own.songs.length * (await readModelYaml(own.model)).stemsOfSong;
      if (stems !== expected) throw new Error(`it made ${stems} stems of ${expected}`);
      const forwards = await readForwards(notes, cost.beganAt);
      return {
        row,
        wallSeconds: cost.wall,
        cpuSeconds: cost.cpu,
        peakBytes: cost.peakBytes,
        firstSeconds,
        forwardSeconds: secondsIn(forwards),
        forwardCalls: forwards.length,
        gapsMs: gapsBetweenSongs(forwards, callsOfSongs),
        ...(nodeCpu === undefined ? {} : { nodeCpuSeconds: nodeCpu }),
      };
    });
  } catch (error) {
    return { row, failure: oneLine(error) };
  }
}

/** @param {unknown} error */
function oneLine(error) {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ');
}
