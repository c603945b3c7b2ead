import {
  allowedNumber,
  makeOptions,
  OPTIONS,
  optionNames,
  type Option,
  type OptionName,
  type OptionValue,
} from '../../contract/options.ts';
import { closest } from '../../didYouMean.ts';
import type { ParamProblem } from '../../errors.ts';
import type { SubmittedOptions } from '../../models/catalog/optionRules.ts';

/** The parsed fields of a submission, before the model's own rules are applied. */
export interface SubmissionForm {
  modelType: string | undefined;
  options: SubmittedOptions;
  problems: ParamProblem[];
}

/** Every field that a submission may have. */
export const FORM_FIELDS: readonly string[] = ['file', 'model_type', ...optionNames];

const BOOLEANS = new Map([
  ['true', true],
  ['false', false],
  ['1', true],
  ['0', false],
  ['yes', true],
  ['no', false],
]);
const SHOWN_CHARACTERS = 80;
const { mostNames: MOST_INSTRUMENTS, longestName: LONGEST_INSTRUMENT } = OPTIONS.instruments;
/** How many unknown fields are reported: more would not help the client. */
const MOST_UNKNOWN_FIELDS = 20;

/** Parses every field and collects all problems, not only the first. An empty value counts as absent. */
export function readSubmissionForm(fields: ReadonlyMap<string, readonly string[]>): SubmissionForm {
  const problems = unknownFields(fields);

  const single = (name: string): string | undefined => {
    const values = fields.get(name) ?? [];
    if (values.length > 1) {
      problems.push({ name, message: `${name} is given ${String(values.length)} times; once is allowed.` });
    }
    return values.length === 1 && values[0] !== '' ? values[0] : undefined;
  };

  const parse = <T>(
    name: string,
    fallback: T,
    allowed: string,
    read: (value: string) => T | undefined,
  ): T => {
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

  const read = (name: OptionName) => {
    const option: Option = OPTIONS[name];
    switch (option.kind) {
      case 'names':
        return readInstruments(fields.get(name) ?? [], problems);
      case 'flag':
        return parse(name, false, [...BOOLEANS.keys()].join(', '), (value) =>
          BOOLEANS.get(value.toLowerCase()),
        );
      case 'choice':
        return parse(name, option.fallback, option.values.join(', '), (value) =>
          option.values.find((candidate) => candidate === value),
        );
      case 'whole':
        return parse(name, option.fallback, allowedNumber(option), (value) =>
          /^\d{1,9}$/.test(value) ? Number(value) : undefined,
        );
    }
  };

  return {
    modelType: single('model_type'),
    options: makeOptions((name) => read(name) as OptionValue<OptionName>),
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
        message: 'instruments begins with "[" but is not a JSON list of names.',
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
