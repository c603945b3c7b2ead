/** The answer to what is no HTTP request, in the one error shape: it never reaches the application. */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { RateHeaders } from './rateLimit.ts';
import { commonHeaders, PROBLEM_JSON, problemBody } from './errors.ts';

const NO_TARGET =
  'The target of the request is none: a path that begins with a slash is allowed, or an http or https URL, without backslashes and control characters.';
const SENTENCE_OF: Partial<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The headers of the request are too large: at most 16 KiB are allowed.',
  ERR_HTTP_REQUEST_TIMEOUT: 'The headers of the request took too long: send them without a pause.',
  HPE_INVALID_EOF_STATE: 'The request ended before it was whole.',
  NO_HOST: 'The request has no Host header: send one.',
  EMPTY_HOST: 'The Host header of the request is empty: send the name or the address of this server in it.',
  SEVERAL_HOSTS: 'The request has several Host headers: send one.',
  BAD_HOST:
    'The Host header of the request is none: a name or an address is allowed, and a port behind a colon.',
  BAD_TARGET: NO_TARGET,
  HPE_INVALID_URL: NO_TARGET,
  NO_PROXY:
    'This server is no proxy and makes no tunnels: ask it for its own paths, with GET, POST or DELETE.',
};

/**
 * How long a client that was told so has to close its own side. What it sends meanwhile is thrown away: a connection
 * closed on unread bytes is reset, and the answer lost with it.
 */
const LINGER_MS = 2_000;

/** Why a request that Node has parsed is none all the same; undefined: it is one. */
export function malformation({ rawHeaders }: IncomingMessage): NodeJS.ErrnoException | undefined {
  let hosts = 0;
  let host = '';
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue;
    hosts += 1;
    host = rawHeaders[at + 1] ?? '';
  }
  // RFC 9112 §3.2. Of two, a proxy and this server might each believe another.
  if (hosts === 0) return fault('NO_HOST', 'no Host header');
  if (hosts > 1) return fault('SEVERAL_HOSTS', 'several Host headers');
  return host === '' ? fault('EMPTY_HOST', 'an empty Host header') : undefined;
}

/** Which half of a request's URL is none: its target, where that alone tells; else its Host. */
export function urlFault({ url = '' }: IncomingMessage): NodeJS.ErrnoException {
  return /^\/[^\\?]*(?:\?|$)/.test(url)
    ? fault('BAD_HOST', 'a Host header that is none')
    : fault('BAD_TARGET', 'a target that is none');
}

/** What a request is that wants to go elsewhere through this server. */
export const proxyFault = (): NodeJS.ErrnoException => fault('NO_PROXY', 'this is no proxy');

const fault = (code: string, message: string) => Object.assign(new Error(message), { code });

/** What the answers need. `rateHeaders`: what every answer says to this client. */
interface Teller {
  log: Log;
  rateHeaders: Partial<RateHeaders>;
}

/** Makes the answer, and its line in the log. */
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
      // A client of HTTP/1.0 knows no chunks: without this it could not tell a whole answer from one that broke off.
      'content-length': String(Buffer.byteLength(body)),
      ...commonHeaders,
      ...rateHeaders,
      'x-request-id': requestId,
      connection: 'close',
    },
  };
}

/** Writes the answer to a connection on which Node's parser gave up, and closes it. */
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
