import { closest } from '../../didYouMean.ts';
import type { ParamProblem } from '../../errors.ts';
import { allowedNumber, type SubmittedOptions } from '../../models/catalog/optionRules.ts';

/** The parsed fields of a submission, before the model's own rules are applied. */
export interface SubmissionForm {
  modelType: string | undefined;
  options: SubmittedOptions;
  problems: ParamProblem[];
}

const FIELDS = [
  'model_type',
  'instruments',
  'use_tta',
  'extract_instrumental',
  'output_format',
  'pcm_type',
  'bigshifts',
  'num_overlap',
  'batch_size',
] as const;
type Field = (typeof FIELDS)[number];

/** Every field that a submission may have. */
export const FORM_FIELDS: readonly string[] = ['file', ...FIELDS];

const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
]);
const SHOWN_CHARACTERS = 80;
/** No model has this many stems, and no stem a name this long. */
export const MOST_INSTRUMENTS = 200;
export const LONGEST_INSTRUMENT = 200;
/** How many unknown fields are reported: more would not help the client. */
const MOST_UNKNOWN_FIELDS = 20;

/** Parses every field and collects all problems, not only the first. An empty value counts as absent. */
export function readSubmissionForm(fields: ReadonlyMap<string, readonly string[]>): SubmissionForm {
  const problems = unknownFields(fields);

  const single = (name: Field): string | undefined => {
    const values = fields.get(name) ?? [];
    if (values.length > 1) {
      problems.push({ name, message: `${name} is given ${String(values.length)} times; once is allowed.` });
    }
    return values.length === 1 && values[0] !== '' ? values[0] : undefined;
  };

  const parse = <T>(name: Field, fallback: T, allowed: string, read: (value: string) => T | undefined): T => {
    const value = single(name);
    if (value === undefined) return fallback;
    const parsed = read(value.trim());
    if (parsed !== undefined) return parsed;
    const received = shown(value);
    problems.push({
      name,
      message: `${name} is ${JSON.stringify(received)}; allowed: ${allowed}.`,
      received,
      allowed,
    });
    return fallback;
  };

  const boolean = (name: Field) =>
    parse(name, false, 'true, false, 1, 0, yes, no', (value) => BOOLEANS.get(value.toLowerCase()));

  const oneOf = <T extends string>(name: Field, values: readonly T[], fallback: T): T =>
    parse(name, fallback, values.join(', '), (value) => values.find((candidate) => candidate === value));

  const wholeNumber = (name: 'bigshifts' | 'num_overlap' | 'batch_size'): number | null =>
    parse<number | null>(name, null, allowedNumber(name), (value) =>
      /^\d{1,9}$/.test(value) ? Number(value) : undefined,
    );

  return {
    modelType: single('model_type'),
    options: {
      instruments: readInstruments(fields.get('instruments') ?? [], problems),
      useTta: boolean('use_tta'),
      extractInstrumental: boolean('extract_instrumental'),
      outputFormat: oneOf('output_format', ['wav', 'flac'], 'wav'),
      pcmType: oneOf('pcm_type', ['PCM_16', 'PCM_24', 'FLOAT'], 'PCM_24'),
      bigshifts: wholeNumber('bigshifts') ?? 1,
      numOverlap: wholeNumber('num_overlap'),
      batchSize: wholeNumber('batch_size'),
    },
    problems,
  };
}

function unknownFields(fields: ReadonlyMap<string, readonly string[]>): ParamProblem[] {
  const known = FORM_FIELDS;
  return [...fields.keys()]
    .filter((name) => !known.includes(name))
    .slice(0, MOST_UNKNOWN_FIELDS)
    .map((name) => {
      const near = closest(name, known);
      return {
        name: shown(name),
        message: `There is no field ${JSON.stringify(shown(name))}${near ? `. Did you mean "${near}"?` : `; allowed: ${known.join(', ')}.`}`,
        allowed: known.join(', '),
        ...(near ? { did_you_mean: near } : {}),
      };
    });
}

/** Accepts repeated fields, comma lists and JSON lists in any combination, up to the limits above. */
function readInstruments(values: readonly string[], problems: ParamProblem[]): string[] {
  const names: string[] = [];
  for (const value of values) {
    const listed = value.trimStart().startsWith('[') ? readJsonList(value) : readCommaList(value);
    if (listed === undefined) {
      problems.push({
        name: 'instruments',
        message: 'instruments begins with "[" but is no JSON list of names.',
        received: shown(value),
        allowed: 'names separated by commas, or a JSON list of names',
      });
      return [];
    }
    if (names.length + listed.length > MOST_INSTRUMENTS) {
      const allowed = `at most ${String(MOST_INSTRUMENTS)} names`;
      problems.push({
        name: 'instruments',
        message: `instruments holds too many names; allowed: ${allowed}.`,
        allowed,
      });
      return [];
    }
    names.push(...listed.filter((name) => name !== ''));
  }
  const tooLong = names.find((name) => name.length > LONGEST_INSTRUMENT);
  if (tooLong === undefined) return names;
  const allowed = `names of at most ${String(LONGEST_INSTRUMENT)} characters`;
  problems.push({
    name: 'instruments',
    message: `instruments holds a name of ${String(tooLong.length)} characters; allowed: ${allowed}.`,
    received: shown(tooLong),
    allowed,
  });
  return [];
}

/** Reads one entry more than allowed, enough to detect too many. An empty entry between commas counts as one. */
const readCommaList = (text: string): string[] =>
  text.split(',', MOST_INSTRUMENTS + 1).map((name) => name.trim());

function readJsonList(text: string): string[] | undefined {
  const list = parseJson(text);
  return Array.isArray(list) && list.every((name) => typeof name === 'string') ? list : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const shown = (text: string) =>
  text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
