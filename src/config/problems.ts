/** Describes configuration problems in sentences: `key: what is wrong, what is allowed`. */
import type { z } from 'zod';
import { closest } from '../didYouMean.ts';
import { listedModelSchema, settingKeys, settingsSchema } from './settings.ts';

/** Describes each schema issue in a sentence for the author of the configuration. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  given: Record<string, unknown>,
): string[] {
  return issues.flatMap((issue) => {
    const where = issue.path.map(String).join('.');
    if (issue.code === 'unrecognized_keys') {
      const known = issue.path[0] === 'models' ? Object.keys(listedModelSchema.shape) : settingKeys;
      return issue.keys.map((key) => {
        const near = closest(key, known);
        const full = where === '' ? key : `${where}.${key}`;
        return `${full}: unknown key${near ? `, did you mean ${near}?` : `, allowed: ${known.join(', ')}`}`;
      });
    }
    const words = issue.code === 'invalid_union' ? unionWords(issue) : issue.message;
    // Never show the value: it may be a key.
    if (issue.path[0] === 'api_keys') return `${where}: ${wrongOf(issue)}, allowed: ${words}`;
    const received = issue.path.reduce<unknown>(
      (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
      given,
    );
    if (received === undefined) return `${where}: missing, allowed: ${words}`;
    return `${where}: ${JSON.stringify(received)} is not valid, allowed: ${words}`;
  });
}

/** Returns the issue's own description, which does not contain the value. */
const wrongOf = (issue: z.core.$ZodIssue): string =>
  issue.code === 'custom' && typeof issue.params?.['wrong'] === 'string'
    ? issue.params['wrong']
    : 'not valid';

/** Describes values that are valid individually but contradict each other. */
export function describeContradictions(given: Record<string, unknown>): string[] {
  return [...missingKeys(given), ...shortRetentions(given)];
}

const FILE_RETENTIONS = ['cleanup_retention_hours', 'failed_retention_hours'] as const;

function shortRetentions(given: Record<string, unknown>): string[] {
  const hours = (key: (typeof FILE_RETENTIONS)[number] | 'metadata_retention_hours') =>
    settingsSchema.shape[key].safeParse(given[key]).data;
  const metadata = hours('metadata_retention_hours');
  return FILE_RETENTIONS.flatMap((key) => {
    const files = hours(key);
    if (metadata === undefined || files === undefined || metadata >= files) return [];
    const [rows, least] = [String(metadata), String(files)];
    return [
      `metadata_retention_hours: ${rows} is shorter than ${key} (${least}), allowed: ${least} or more, or a shorter ${key}`,
    ];
  });
}

/** Reports that authentication is on without any key: nobody could use the server. */
function missingKeys(given: Record<string, unknown>): string[] {
  const keys = given['api_keys'] ?? [];
  if (given['enable_auth'] !== true || !Array.isArray(keys) || keys.length > 0) return [];
  return ['api_keys: enable_auth is true and there is no key, allowed: at least one key'];
}

function unionWords(issue: z.core.$ZodIssueInvalidUnion): string {
  const words = issue.errors
    .flat()
    .map((inner) =>
      inner.code === 'invalid_value'
        ? inner.values.map((value) => `\`${String(value)}\``).join(', ')
        : inner.message,
    );
  const last = words.at(-1) ?? '';
  return words.every((word) => last.includes(word)) ? last : words.join(', or ');
}
