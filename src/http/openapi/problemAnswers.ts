import { AppError, type ErrorCode } from '../../errors.ts';
import { problemBody, problemHeaders, problems } from '../problems/problems.ts';
import { problemSchema } from './schemas.ts';
import { EXAMPLE, examplePath } from './exampleIds.ts';
import { commonHeaders, documentedProblemHeader, type DocumentedHeaders } from './headers.ts';
import { problemSamples, type ProblemSample } from './problemSamples.ts';

/** A path with its allowed methods. */
export interface Place {
  path: string;
  allow: readonly string[];
}

const ON_EVERY_ROUTE: readonly ErrorCode[] = [
  'INVALID_PARAMETERS',
  'FORBIDDEN_ORIGIN',
  'METHOD_NOT_ALLOWED',
  'INTERNAL',
];
const ON_COUNTED_ROUTES: readonly ErrorCode[] = ['UNAUTHORIZED', 'RATE_LIMITED'];

/**
 * Documents the error responses of an operation: by status, every code with its meaning and an example that is
 * built in the same way as the real response.
 *
 * @param codes error codes in addition to those that every route may return
 * @param options.samples samples specific to the operation, in place of the common ones
 * @param options.isOpen the route needs no key and is exempt from the rate limit
 * @param options.hasBody false: the responses are to a HEAD
 */
export function problemAnswers(
  place: Place,
  codes: readonly ErrorCode[],
  options: { samples?: Partial<Record<ErrorCode, ProblemSample>>; isOpen?: boolean; hasBody?: boolean } = {},
) {
  const { samples = {}, isOpen = false, hasBody = true } = options;
  const all = [...new Set([...codes, ...ON_EVERY_ROUTE, ...(isOpen ? [] : ON_COUNTED_ROUTES)])];
  const statuses = [...new Set(all.map((code) => problems[code][0]))];
  return Object.fromEntries(
    statuses.map((status) => {
      const answers = all
        .filter((code) => problems[code][0] === status)
        .map((code) => sampleAnswer(code, place, samples[code]));
      return [
        status,
        {
          description: answers.map(({ code, meaning }) => `\`${code}\`: ${meaning}`).join('\n\n'),
          headers: {
            ...commonHeaders,
            ...Object.assign({}, ...answers.map((answer) => answer.headers)),
          } as DocumentedHeaders,
          ...(hasBody ? { content: problemContent(answers) } : {}),
        },
      ];
    }),
  );
}

type SampleAnswer = ReturnType<typeof sampleAnswer>;

function sampleAnswer(code: ErrorCode, place: Place, own: ProblemSample | undefined) {
  const { meaning, ...common }: ProblemSample & { meaning: string } = problemSamples[code];
  const sample = own ?? (code === 'METHOD_NOT_ALLOWED' ? notAllowed(place) : common);
  const { message, details = {}, hints = {}, instance = examplePath(place.path) } = sample;
  const error = new AppError(code, message, { details, hints });
  return {
    code,
    meaning,
    headers: documentedHeaders(problemHeaders(error.hints)),
    body: problemBody(error, instance, EXAMPLE.requestId),
  };
}

const notAllowed = ({ allow }: Place): ProblemSample => ({
  message: `This route accepts ${allow.join(', ')}.`,
  hints: { allow },
});

const documentedHeaders = (sent: Record<string, string>): DocumentedHeaders =>
  Object.fromEntries(
    Object.entries(sent).flatMap(([name, value]) =>
      Object.entries(documentedProblemHeader[name]?.(value) ?? {}),
    ),
  );

const problemContent = (answers: readonly SampleAnswer[]) => ({
  'application/problem+json': {
    schema: problemSchema,
    examples: Object.fromEntries(
      answers.map(({ code, body }) => [code, { summary: body.title, value: body }]),
    ),
  },
});
