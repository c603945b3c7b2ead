import { randomUUID } from 'node:crypto';
import { createServer, STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { createApp } from './app.ts';
import { PROBLEM_JSON, problemBody } from './errors.ts';

/** A listening server. */
export interface HttpServer {
  /** The URL it answers at. */
  url: string;
  /** Takes no more connections; lets open requests end until the deadline, then cuts them. */
  close(graceMs: number): Promise<void>;
}

/** How long a client may let the server wait. No setting: only tests put other numbers in. */
export interface ClientPatience {
  /** From the begin of a connection or request to the end of its headers. */
  headersMs: number;
  /** Within a request or its answer, without a byte in either direction; whatever moves may take as long as it needs. */
  stillMs: number;
  /** Between two requests on one connection. */
  betweenMs: number;
}

export const CLIENT_PATIENCE: ClientPatience = { headersMs: 60_000, stillMs: 120_000, betweenMs: 5_000 };

/** How many times a headers' time is looked at before it is over: Node does it every so often, not to the moment. */
const LOOKS_AT_HEADERS = 6;

/** Starts to listen. @throws when the address cannot be had (in use, not ours, not allowed) */
export async function listen(
  app: ReturnType<typeof createApp>,
  address: { host: string; port: number },
  log: Log,
  patience: ClientPatience = CLIENT_PATIENCE,
): Promise<HttpServer> {
  const answer = getRequestListener(app.fetch, {
    errorHandler: (error) => {
      // The application answers its own errors; what comes here is a target or a Host that make no URL.
      const { body, headers } = unreadable(error as Error, log);
      return new Response(body, { status: 400, headers });
    },
  });
  // Node would answer a missing Host itself, without a body.
  const connectionsCheckingInterval = patience.headersMs / LOOKS_AT_HEADERS;
  const server = createServer(
    { requireHostHeader: false, connectionsCheckingInterval },
    (request, response) => {
      void answer(request, response);
    },
  );
  // Node's own limit of five minutes for a whole request would cut long uploads.
  server.requestTimeout = 0;
  server.headersTimeout = patience.headersMs;
  server.setTimeout(patience.stillMs);
  server.keepAliveTimeout = patience.betweenMs;
  // Not answered here with `100 Continue`: the route does that when it wants the body.
  for (const event of ['checkContinue', 'checkExpectation']) {
    server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      server.emit('request', request, response);
    });
  }
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    answerUnreadable(new Error('this is no proxy'), socket, log);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    answerUnreadable(error, socket, log);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
  });
  return {
    url: urlOf(server.address() as AddressInfo),
    close: (graceMs) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => {
          server.closeAllConnections();
        }, graceMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

function urlOf({ address, family, port }: AddressInfo): string {
  const host = family === 'IPv6' ? `[${address}]` : address;
  return `http://${host}:${String(port)}`;
}

/** What Node's parser refuses never reaches the application; it gets the same body all the same. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Duplex, log: Log): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { body, headers } = unreadable(error, log);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 400 ${STATUS_CODES[400] ?? ''}\r\n${lines.join('')}` +
      `content-length: ${String(Buffer.byteLength(body))}\r\n\r\n${body}`,
  );
}

const SENTENCE_OF: Partial<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The headers of the request are too large: at most 16 KiB are allowed.',
  ERR_HTTP_REQUEST_TIMEOUT: 'The headers of the request took too long: send them without a pause.',
};

/** The answer to a request that is none, and its line in the log. */
function unreadable(error: NodeJS.ErrnoException, log: Log) {
  const message = SENTENCE_OF[error.code ?? ''] ?? 'The request cannot be read as HTTP/1.1.';
  const requestId = randomUUID();
  const code = 'INVALID_PARAMETERS';
  const unknown = { method: null, route: null, durationMs: 0, owner: null };
  log.info({ requestId, ...unknown, status: 400, code, reason: error.code ?? error.message }, 'request');
  return {
    body: JSON.stringify(problemBody(new AppError(code, message), '/', requestId)),
    headers: { 'content-type': PROBLEM_JSON, 'x-request-id': requestId, connection: 'close' },
  };
}
