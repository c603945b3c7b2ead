/** Responses to malformed HTTP requests, which never reach the application, in the common error format. */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError } from '../../errors.ts';
import type { Log } from '../../log/log.ts';
import type { RateHeaders } from '../middleware/rateLimit.ts';
import { commonHeaders, PROBLEM_JSON, problemBody } from '../problems/problems.ts';

const NO_TARGET =
  'The request target is invalid: it must be a path that begins with a slash, or an http or https URL, without backslashes and control characters.';
const SENTENCE_OF: Partial<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The headers of the request are too large: at most 16 KiB are allowed.',
  ERR_HTTP_REQUEST_TIMEOUT: 'The headers of the request took too long: send them without a pause.',
  HPE_INVALID_EOF_STATE: 'The request ended before it was complete.',
  NO_HOST: 'The request has no Host header: send one.',
  EMPTY_HOST: 'The Host header is empty: it must contain the name or address of this server.',
  SEVERAL_HOSTS: 'The request has several Host headers: send one.',
  BAD_HOST:
    'The Host header is invalid: it must be a name or an address, optionally followed by a colon and a port.',
  BAD_TARGET: NO_TARGET,
  HPE_INVALID_URL: NO_TARGET,
  NO_PROXY: 'This server is not a proxy: request its own paths, with GET, POST or DELETE.',
};

/**
 * How long a client has to close its side after the error response (milliseconds). What it sends meanwhile is
 * discarded: closing a connection with unread bytes resets it, and the response is lost.
 */
const LINGER_MS = 2_000;

/**
 * Returns the fault of a request that Node accepts but that has no valid Host header; undefined if it is valid.
 */
export function malformation({ rawHeaders }: IncomingMessage): NodeJS.ErrnoException | undefined {
  let hosts = 0;
  let host = '';
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue;
    hosts += 1;
    host = rawHeaders[at + 1] ?? '';
  }
  // RFC 9112 §3.2. With several, a proxy and this server might each use a different one.
  if (hosts === 0) return fault('NO_HOST', 'no Host header');
  if (hosts > 1) return fault('SEVERAL_HOSTS', 'several Host headers');
  return host === '' ? fault('EMPTY_HOST', 'an empty Host header') : undefined;
}

/**
 * Tells which part of an invalid URL is at fault: the Host header if the target is a well-formed path, else the
 * target.
 */
export function urlFault({ url = '' }: IncomingMessage): NodeJS.ErrnoException {
  return /^\/[^\\?]*(?:\?|$)/.test(url)
    ? fault('BAD_HOST', 'a Host header that is none')
    : fault('BAD_TARGET', 'a target that is none');
}

/** The fault of a request that tries to use this server as a proxy. */
export const proxyFault = (): NodeJS.ErrnoException => fault('NO_PROXY', 'this is no proxy');

const fault = (code: string, message: string) => Object.assign(new Error(message), { code });

/** Context for building a response. `rateHeaders`: the client's rate-limit headers. */
interface Teller {
  log: Log;
  rateHeaders: Partial<RateHeaders>;
}

/** Builds the error response and writes its access log line. */
export function answerMalformed(error: NodeJS.ErrnoException, { log, rateHeaders }: Teller) {
  const message = SENTENCE_OF[error.code ?? ''] ?? 'The request cannot be read as HTTP/1.1.';
  const requestId = randomUUID();
  const code = 'INVALID_PARAMETERS';
  const unknown = { method: null, route: null, durationMs: 0, owner: null };
  log.info({ requestId, ...unknown, status: 400, code, reason: error.code ?? error.message }, 'request');
  const body = JSON.stringify(problemBody(new AppError(code, message), '/', requestId));
  return {
    status: 400,
    body,
    headers: {
      'content-type': PROBLEM_JSON,
      // HTTP/1.0 has no chunked encoding: without this, truncated responses would go unnoticed.
      'content-length': String(Buffer.byteLength(body)),
      ...commonHeaders,
      ...rateHeaders,
      'x-request-id': requestId,
      connection: 'close',
    },
  };
}

/** Writes the error response to a connection on which Node's parser failed, and closes it. */
export function answerConnection(error: NodeJS.ErrnoException, connection: Duplex, teller: Teller): void {
  if (!connection.writable) {
    connection.destroy();
    return;
  }
  const { status, body, headers } = answerMalformed(error, teller);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  connection.end(`HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`);
  connection.resume();
  const cut = setTimeout(() => connection.destroy(), LINGER_MS);
  connection.once('close', () => {
    clearTimeout(cut);
  });
}
