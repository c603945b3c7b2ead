/** Reads API keys from the configuration; the server keeps only their hashes. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { closest } from '../didYouMean.ts';

/** An API key. Only its hash is kept, so that no dump or log can reveal it. */
export interface ApiKey {
  name: string | null;
  /** 64 hexadecimal digits in lower case. */
  sha256: string;
}

/** The owner of a key's tasks: the key's name, or `key-` and the beginning of its hash. */
export const ownerOf = (key: ApiKey) => key.name ?? `key-${key.sha256.slice(0, 12)}`;

const hashed = (key: string) => createHash('sha256').update(key).digest('hex');

/** A problem with an entry or one of its parts. Must not contain anything from the entry. */
interface Problem {
  part?: 'name' | 'key' | 'sha256';
  wrong: string;
  allowed: string;
}

const ENTRY =
  'a key of 16 to 1000 visible ASCII characters, quoted; or {name, key}; or {name, sha256} with 64 hexadecimal digits';
const PARTS = {
  name: '1 to 100 characters, none of them a control character',
  key: '16 to 1000 visible ASCII characters, quoted',
  sha256: '64 hexadecimal digits, quoted',
} as const;
type Part = keyof typeof PARTS;
const PART_NAMES = Object.keys(PARTS) as Part[];

/** The list of keys. Its problems name an entry by index and part and never show a value. */
export const apiKeysSchema = z.unknown().transform((given, context): ApiKey[] => {
  if (!Array.isArray(given)) {
    context.addIssue({ code: 'custom', message: 'a list of keys' });
    return z.NEVER;
  }
  const keys = new Map<number, ApiKey>();
  for (const [place, entry] of (given as unknown[]).entries()) {
    const read = readEntry(entry);
    const problems = Array.isArray(read) ? read : repetitions(read, keys);
    for (const { part, wrong, allowed } of problems) {
      const path = part ? [place, part] : [place];
      context.addIssue({ code: 'custom', message: allowed, params: { wrong }, path });
    }
    if (!Array.isArray(read) && problems.length === 0) keys.set(place, read);
  }
  return [...keys.values()];
});

function readEntry(entry: unknown): ApiKey | Problem[] {
  if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) {
    return readNamed(entry as Record<string, unknown>);
  }
  const wrong = wrongWith.key(entry);
  return wrong === null
    ? { name: null, sha256: hashed(entry as string) }
    : [{ wrong: typeof entry === 'string' ? `as a key, ${wrong}` : wrong, allowed: ENTRY }];
}

function readNamed(entry: Record<string, unknown>): ApiKey | Problem[] {
  const problems: Problem[] = [];
  const has = (part: Part) => Object.hasOwn(entry, part);
  for (const field of Object.keys(entry)) {
    if (PART_NAMES.includes(field as Part)) continue;
    // Do not name the field: it may be a key that was written in the wrong place.
    const near = closest(field, PART_NAMES);
    problems.push({
      wrong: 'it has an unknown field',
      allowed: `name with key or sha256${near ? `, did you mean ${near}?` : ''}`,
    });
  }
  if (has('key') === has('sha256')) {
    const wrong = has('key') ? 'it has both key and sha256' : 'it has neither key nor sha256';
    problems.push({ wrong, allowed: 'one of the two' });
  }
  for (const part of PART_NAMES) {
    const wrong = has(part) ? wrongWith[part](entry[part]) : part === 'name' ? 'missing' : null;
    if (wrong !== null) problems.push({ part, wrong, allowed: PARTS[part] });
  }
  if (problems.length > 0) return problems;
  const { name, key, sha256 } = entry as Record<Part, string>;
  return { name, sha256: has('key') ? hashed(key) : sha256.toLowerCase() };
}

/** Describes what is wrong with a part's value; null: it is valid. */
const wrongWith: Record<Part, (value: unknown) => string | null> = {
  name: (value) => wrongText(value, 1, 100, /^\P{C}*$/u, 'it has control characters'),
  // Other characters would not arrive unchanged in a header.
  key: (value) =>
    wrongText(value, 16, 1000, /^[\x21-\x7e]*$/, 'it has spaces or other characters that are not allowed'),
  sha256: (value) => wrongText(value, 64, 64, /^[0-9a-f]*$/i, 'it has characters that are not allowed'),
};

function wrongText(value: unknown, least: number, most: number, of: RegExp, other: string): string | null {
  if (typeof value === 'number') return 'it is a number, not a string';
  if (typeof value !== 'string') return 'it is not a string';
  if (value.length < least) return value === '' ? 'it is empty' : 'it is too short';
  if (value.length > most) return 'it is too long';
  return of.test(value) ? null : other;
}

function repetitions(key: ApiKey, before: ReadonlyMap<number, ApiKey>): Problem[] {
  for (const [place, other] of before) {
    const of = `that of api_keys.${String(place)}`;
    if (key.sha256 === other.sha256) {
      return [{ wrong: `its key is ${of}`, allowed: 'a key that no earlier entry has' }];
    }
    if (ownerOf(key) === ownerOf(other)) {
      return [{ wrong: `its name is ${of}`, allowed: 'a name that no earlier entry has' }];
    }
  }
  return [];
}
