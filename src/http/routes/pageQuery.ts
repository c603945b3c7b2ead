import { closest } from '../../didYouMean.ts';
import { AppError, type ParamProblem } from '../../errors.ts';
import { taskStatuses, type TaskStatus } from '../../tasks/taskState.ts';

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;
const PAGE_PARAMETERS: readonly string[] = ['status', 'limit', 'cursor'];
const MOST_UNKNOWN_PARAMETERS = 20;
const SHOWN_CHARACTERS = 80;

/**
 * Parses the query of a request for a page of tasks.
 *
 * @param readCursor decodes a cursor to a sequence number; undefined if it is invalid
 * @throws {AppError} INVALID_PARAMETERS, listing every problem
 */
export function readPageQuery(
  query: Record<string, string[]>,
  readCursor: (cursor: string) => number | undefined,
): {
  status: TaskStatus | undefined;
  limit: number;
  before: number | undefined;
} {
  const problems = unknownParameters(query);
  const read = <T>(name: string, allowed: string, parse: (value: string) => T | undefined): T | undefined => {
    const values = query[name] ?? [];
    const value = values[0];
    if (value === undefined || value === '') return undefined;
    const parsed = values.length === 1 ? parse(value) : undefined;
    if (parsed === undefined) {
      const received = values.join(', ').slice(0, SHOWN_CHARACTERS);
      problems.push({
        name,
        message: `${name} is ${JSON.stringify(received)}; allowed: ${allowed}.`,
        received,
        allowed,
      });
    }
    return parsed;
  };
  const status = read('status', taskStatuses.join(', '), (value) =>
    taskStatuses.find((known) => known === value),
  );
  const limit = read('limit', `1 to ${String(MAX_LIMIT)}`, (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : 0;
    return number >= 1 && number <= MAX_LIMIT ? number : undefined;
  });
  const before = read('cursor', 'the next_cursor of a page', readCursor);
  if (problems.length > 0) {
    const message = problems.map((problem) => problem.message).join(' ');
    throw new AppError('INVALID_PARAMETERS', message, { details: { params: problems } });
  }
  return { status, limit: limit ?? DEFAULT_LIMIT, before };
}

/** Reports unknown parameters: ignoring them would return a different list than the client meant. */
function unknownParameters(query: Record<string, string[]>): ParamProblem[] {
  return Object.keys(query)
    .filter((name) => !PAGE_PARAMETERS.includes(name))
    .slice(0, MOST_UNKNOWN_PARAMETERS)
    .map((given) => {
      const name = given.slice(0, SHOWN_CHARACTERS);
      const near = closest(given, PAGE_PARAMETERS);
      const allowed = PAGE_PARAMETERS.join(', ');
      return {
        name,
        message: `There is no parameter ${JSON.stringify(name)}${near === null ? `; allowed: ${allowed}.` : `. Did you mean "${near}"?`}`,
        allowed,
        ...(near === null ? {} : { did_you_mean: near }),
      };
    });
}
