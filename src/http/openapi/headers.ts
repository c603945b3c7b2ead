import { EXAMPLE } from './exampleIds.ts';

/** The OpenAPI description of a response header. */
type DocumentedHeader = {
  description: string;
  schema: { type: 'string' | 'integer' };
  example: string | number;
};
export type DocumentedHeaders = Record<string, DocumentedHeader | { $ref: string }>;

const text = (description: string, example: string): DocumentedHeader => ({
  description,
  schema: { type: 'string' },
  example,
});
const whole = (description: string, example: number): DocumentedHeader => ({
  description,
  schema: { type: 'integer' },
  example,
});

/** The headers of every response, described once in the components of the document. */
export const sharedHeaders = {
  'X-Request-Id': text(
    'The id of this request in the log of the server: the one that the request brought in this header, else a new one.',
    EXAMPLE.requestId,
  ),
  'X-RateLimit-Limit': whole(
    'Requests allowed in any hour. Only with `enable_rate_limit`, as the next two.',
    1000,
  ),
  'X-RateLimit-Remaining': whole('Requests left now.', 987),
  'X-RateLimit-Reset': whole(
    'When the oldest request leaves the hour, in seconds since 1970 (UTC); now, where there was none.',
    1_795_266_031,
  ),
};

/** References to the shared headers, for every response. */
export const commonHeaders: DocumentedHeaders = Object.fromEntries(
  Object.keys(sharedHeaders).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
);

/** Headers of particular responses. */
export const headers = {
  location: { Location: text('The URL of the task.', `/api/v1/tasks/${EXAMPLE.taskId}`) },
  replayed: {
    'Idempotent-Replayed': text(
      '`true` where this very submission came before under its `Idempotency-Key`: the task is that one, as it is now. Otherwise this header is absent.',
      'true',
    ),
  },
  serverTiming: {
    'Server-Timing': text(
      '`wait;dur=` how many milliseconds the file waited until it was looked into. As many files are looked into at once as the server has cores; beyond them, callers take turns.',
      'wait;dur=0',
    ),
  },
  etag: { ETag: text('The sha256 of the whole file, quoted.', `"${EXAMPLE.stemSha256}"`) },
  acceptRanges: { 'Accept-Ranges': text('Always `bytes`.', 'bytes') },
  contentRange: {
    'Content-Range': text(
      'Which bytes these are, and of how many.',
      `bytes 0-1048575/${String(EXAMPLE.stemBytes)}`,
    ),
  },
  contentLength: { 'Content-Length': whole('How many bytes the body has.', EXAMPLE.stemBytes) },
  contentDisposition: {
    'Content-Disposition': text(
      'The name to save it under: the song, the instrument, the format.',
      'attachment; filename="song_drums.wav"',
    ),
  },
  vary: { Vary: text('The header of the request that the form of the answer depends on.', 'Accept') },
  cacheControl: {
    'Cache-Control': text(
      'What this URL gives never changes: a private copy may be kept.',
      'private, max-age=31536000, immutable',
    ),
  },
} as const satisfies Record<string, DocumentedHeaders>;

/** The headers of error responses, by the names under which `problemHeaders` sends them. */
export const documentedProblemHeader: Record<string, (sent: string) => DocumentedHeaders> = {
  'retry-after': (sent) => ({
    'Retry-After': whole('After how many seconds to try again, at least 1.', Number(sent)),
  }),
  'www-authenticate': (sent) => ({
    'WWW-Authenticate': text('`Bearer`; with `error="invalid_token"` when a key was sent.', sent),
  }),
  allow: (sent) => ({ Allow: text('The methods that the path takes.', sent) }),
  'content-range': (sent) => ({ 'Content-Range': text('How many bytes the file has.', sent) }),
};
