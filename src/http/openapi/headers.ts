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
    'The id of this request in the log of the server: taken from this header of the request, else a new one.',
    EXAMPLE.requestId,
  ),
  'X-RateLimit-Limit': whole(
    'Requests allowed in any one hour. Only with `enable_rate_limit`, like the other X-RateLimit headers.',
    1000,
  ),
  'X-RateLimit-Remaining': whole('Requests left.', 987),
  'X-RateLimit-Reset': whole(
    'When the oldest request of the last hour stops counting, in seconds since 1970 (UTC); the current time if there was none.',
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
      '`true` if this submission was already made with this `Idempotency-Key`: the response is the existing task in its current state. Otherwise absent.',
      'true',
    ),
  },
  serverTiming: {
    'Server-Timing': text(
      '`wait;dur=` is the time in milliseconds that the file waited before it was inspected. As many files are inspected at once as the server has cores; callers take turns.',
      'wait;dur=0',
    ),
  },
  etag: { ETag: text('The sha256 of the whole file, quoted.', `"${EXAMPLE.stemSha256}"`) },
  acceptRanges: { 'Accept-Ranges': text('Always `bytes`.', 'bytes') },
  contentRange: {
    'Content-Range': text(
      'The range of bytes in this response, and the size of the file.',
      `bytes 0-1048575/${String(EXAMPLE.stemBytes)}`,
    ),
  },
  contentLength: { 'Content-Length': whole('Size of the body in bytes.', EXAMPLE.stemBytes) },
  contentDisposition: {
    'Content-Disposition': text(
      'The suggested file name: song, instrument, format.',
      'attachment; filename="song_drums.wav"',
    ),
  },
  vary: { Vary: text('The request header that selects the format of the response.', 'Accept') },
  cacheControl: {
    'Cache-Control': text(
      'The content of this URL never changes; private caches may keep it.',
      'private, max-age=31536000, immutable',
    ),
  },
} as const satisfies Record<string, DocumentedHeaders>;

/** The headers of error responses, by the names under which `problemHeaders` sends them. */
export const documentedProblemHeader: Record<string, (sent: string) => DocumentedHeaders> = {
  'retry-after': (sent) => ({
    'Retry-After': whole('Seconds to wait before retrying, at least 1.', Number(sent)),
  }),
  'www-authenticate': (sent) => ({
    'WWW-Authenticate': text('`Bearer`; with `error="invalid_token"` when a key was sent.', sent),
  }),
  allow: (sent) => ({ Allow: text('The methods that the path accepts.', sent) }),
  'content-range': (sent) => ({ 'Content-Range': text('Size of the file in bytes.', sent) }),
};
