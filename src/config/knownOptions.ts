/** Checks `msst_arguments` against the options of the argument parser of the MSST in use. */
import { z } from 'zod';
import { closest } from '../didYouMean.ts';
import { msstArgumentsSchema, isOurs } from './msstArguments.ts';

const knownOptionSchema = z.object({
  names: z.array(z.string()),
  /** The minimum number of values; `most` is the maximum, null: any number. */
  least: z.int(),
  most: z.int().nullable(),
  type: z.enum(['text', 'int', 'float']).nullable(),
  choices: z.array(z.string()).nullable(),
});
type KnownOption = z.output<typeof knownOptionSchema>;
type Given = z.output<typeof msstArgumentsSchema>[string];

const MOST_TOLD = 40;

/**
 * Parses the findings of set-up, given as JSON.
 *
 * @returns null if they are missing or invalid, or if there is no parser
 */
export function parseOptions(json: string | undefined): KnownOption[] | null {
  if (json === undefined || json === '') return null;
  try {
    return z.array(knownOptionSchema).parse(JSON.parse(json));
  } catch {
    return null;
  }
}

/**
 * Describes, in sentences, the `msst_arguments` that the parser would reject.
 *
 * @param given the settings as written
 * @param options null: unknown; a worker then checks the arguments when it loads the model
 */
export function describeUnknownOptions(
  given: Record<string, unknown>,
  options: readonly KnownOption[] | null,
): string[] {
  const models = given['models'];
  if (options === null || !Array.isArray(models)) return [];
  const own = options.filter(({ names }) => names.length > 0 && !names.some(isOurs));
  return models.flatMap((model: unknown, index) => {
    const parsed = msstArgumentsSchema.safeParse(
      (model as Record<string, unknown> | null)?.['msst_arguments'],
    );
    if (!parsed.success) return [];
    return Object.entries(parsed.data).flatMap(([name, value]) => {
      const where = `models.${String(index)}.msst_arguments.${name}`;
      const option = own.find(({ names }) => names.includes(name));
      if (!option) return [`${where}: ${unknown(name, own)}`];
      return isTaken(option, value)
        ? []
        : [`${where}: ${JSON.stringify(value)} is not valid, allowed: ${wordsFor(option)}`];
    });
  });
}

function unknown(name: string, own: readonly KnownOption[]): string {
  const near = closest(
    name,
    own.flatMap(({ names }) => names),
  );
  if (near !== null) return `no option of this MSST, did you mean ${near}?`;
  const [first, ...others] = own.map(({ names }) => String(names[0]));
  if (first === undefined)
    return 'no option of this MSST, allowed: none, because the server sets all of its options itself';
  const more = others.length >= MOST_TOLD ? ` and ${String(others.length + 1 - MOST_TOLD)} more` : '';
  return `no option of this MSST, allowed: ${[first, ...others].slice(0, MOST_TOLD).join(', ')}${more}`;
}

/** Whether the parser would accept the command-line arguments that `wordsOfArguments` makes of the value. */
function isTaken({ least, most, type, choices }: KnownOption, value: Given): boolean {
  if (value === false) return true;
  const values = value === true ? [] : [value].flat();
  if (values.length < least || values.length > (most ?? Infinity)) return false;
  return values.every((each) => isOfType(type, each) && (choices?.includes(String(each)) ?? true));
}

function isOfType(type: KnownOption['type'], value: number | string): boolean {
  if (type === 'int') return /^\s*[-+]?\d+(?:_\d+)*\s*$/.test(String(value));
  if (type !== 'float' || typeof value === 'number') return true;
  return (
    /^\s*[-+]?(?:inf|infinity|nan)\s*$/i.test(value) ||
    !Number.isNaN(Number(value.replaceAll('_', '') || 'x'))
  );
}

const ONE = { int: 'a whole number', float: 'a number', text: 'a value' };

function wordsFor({ least, most, type, choices }: KnownOption): string {
  const one = choices === null ? ONE[type ?? 'text'] : `one of ${choices.join(', ')}`;
  if (most === 0) return 'true or false';
  if (most === 1) return least === 0 ? `true, or ${one}` : one;
  const each = one === ONE.text ? '' : `, each ${one}`;
  return `a list of ${least > 1 ? `${String(least)} ` : ''}values${each}`;
}
