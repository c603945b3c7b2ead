import type { IncomingMessage } from 'node:http';
import { closest } from '../../didYouMean.ts';
import { AppError, type ParamProblem } from '../../errors.ts';

/** How many query parameters are reported: a request line is short, and more would not help the client. */
const MOST_PROBLEMS = 20;
const SHOWN_CHARACTERS = 80;

/**
 * Refuses what would otherwise be silently ignored in the head of a submission: options in the query string and an
 * encoded body.
 *
 * @param fields the allowed fields of the form
 * @throws {AppError} INVALID_PARAMETERS, listing each problem
 */
export function refuseMisplaced({ url = '', headers }: IncomingMessage, fields: readonly string[]): void {
  const problems = [...encodingProblems(headers), ...queryProblems(url, fields)];
  if (problems.length === 0) return;
  const message = problems.map((problem) => problem.message).join(' ');
  throw new AppError('INVALID_PARAMETERS', message, { details: { params: problems } });
}

/**
 * Whether a client waits for `100 Continue` before it sends the body. An HTTP/1.0 client does not and would take
 * it for the final response (RFC 9110 §10.1.1). Other expectations are ignored.
 */
export function waitsForContinue({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion !== '1.0' && /(?:^|,)\s*100-continue\s*(?:$|,)/i.test(headers.expect ?? '');
}

function encodingProblems(headers: IncomingMessage['headers']): ParamProblem[] {
  return [
    ['Content-Encoding', headers['content-encoding'], 'identity'],
    ['Transfer-Encoding', headers['transfer-encoding'], 'chunked'],
  ].flatMap(([name = '', value = '', allowed = '']) => {
    if (value === '' || value.trim().toLowerCase() === allowed) return [];
    const received = value.slice(0, SHOWN_CHARACTERS);
    return [
      {
        name,
        message: `The body is encoded (${name}: ${received}): send the form as it is, without ${name}.`,
        received,
        allowed: `${allowed}, or no such header`,
      },
    ];
  });
}

function queryProblems(url: string, fields: readonly string[]): ParamProblem[] {
  const at = url.indexOf('?');
  if (at < 0) return [];
  const names = new Set(new URLSearchParams(url.slice(at + 1)).keys());
  return [...names].slice(0, MOST_PROBLEMS).map((given) => {
    const name = given.slice(0, SHOWN_CHARACTERS);
    const known = fields.includes(given) ? given : closest(given, fields);
    const hint = known === null || known === given ? '' : ` Did you mean "${known}"?`;
    return {
      name,
      message: `${JSON.stringify(name)} is in the query string, where options are not accepted: send them as form fields.${hint}`,
      allowed: `fields of the form: ${fields.join(', ')}`,
      ...(hint === '' || known === null ? {} : { did_you_mean: known }),
    };
  });
}
