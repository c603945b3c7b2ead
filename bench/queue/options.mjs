import { parseArgs } from 'node:util';

/** The rows of the table, in their order. `floor` is measured whatever else is. */
const ROWS = /** @type {const} */ ([
  'floor',
  'cli-file',
  'cli-folder',
  'api',
  'pymss',
  'audio-separator',
  'ours',
]);
const MODELS = ['everyday', 'starter'];

export const USAGE = `npm run bench -- [options]

A queue of songs, separated by everything that can: what it takes beyond the network's own time.

  --model MODEL   everyday or starter; both when left out
  --songs DIR     real songs from this folder; made by the bench when left out
  --count N       how many songs at most (12)
  --seconds S     how long the made songs are (20)
  --only ROWS     of ${ROWS.join(', ')}: those, with commas
  --json FILE     writes all figures there
  --help          says this
`;

/** What was asked for cannot be done; the message says why. */
export class UsageError extends Error {}

/**
 * @typedef {object} Options
 * @property {string[]} models
 * @property {string | undefined} songs
 * @property {number} count
 * @property {number} seconds
 * @property {readonly string[]} rows
 * @property {string | undefined} json
 * @property {boolean} help
 */

/**
 * @param {string[]} argv
 * @returns {Options}
 */
export function readOptions(argv) {
  const { model, only, ...values } = parse(argv);
  return {
    models: oneOf('--model', model ? [model] : MODELS, MODELS),
    songs: values.songs,
    count: wholeNumber('--count', values.count),
    seconds: wholeNumber('--seconds', values.seconds),
    rows: oneOf('--only', only?.split(',') ?? [...ROWS], ROWS),
    json: values.json,
    help: values.help,
  };
}

/** @param {string[]} argv */
function parse(argv) {
  try {
    return parseArgs({
      args: argv,
      options: {
        model: { type: 'string' },
        songs: { type: 'string' },
        count: { type: 'string', default: '12' },
        seconds: { type: 'string', default: '20' },
        only: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/**
 * @param {string} option
 * @param {string} text
 */
function wholeNumber(option, text) {
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new UsageError(`${option} is ${text}; it must be a whole number from 1 to 999999.`);
  return Number(text);
}

/**
 * @param {string} option
 * @param {string[]} asked
 * @param {readonly string[]} known
 */
function oneOf(option, asked, known) {
  const unknown = asked.find((one) => !known.includes(one));
  if (unknown !== undefined)
    throw new UsageError(`${option} has no ${unknown}; there is ${known.join(', ')}.`);
  return asked;
}
