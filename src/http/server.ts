import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import type { Log } from '../log/log.ts';
import type { Access } from './middleware/access.ts';
import type { createApp } from './app.ts';
import { clientAddress } from './request/clientAddress.ts';
import { boundConnections, type ConnectionBounds } from './connections/connections.ts';
import {
  answerConnection,
  answerMalformed,
  malformation,
  proxyFault,
  urlFault,
} from './connections/malformed.ts';
import { Quota } from './connections/quota.ts';
import { createTurns } from './connections/turns.ts';

/** A listening server. */
export interface HttpServer {
  /** The URL it listens at. */
  url: string;
  /** Stops accepting connections, lets open requests finish for `graceMs`, then closes their connections. */
  close(graceMs: number): Promise<void>;
}

/** How long the server waits for a client. Not configurable: only tests use other values. */
export interface ClientTimeouts {
  /** From the start of a connection or request to the end of its headers. */
  headersMs: number;
  /** Within a request or response, without a byte in either direction. The total duration is not limited. */
  stillMs: number;
  /** Between two requests on one connection. */
  betweenMs: number;
}

export const CLIENT_TIMEOUTS: ClientTimeouts = { headersMs: 60_000, stillMs: 120_000, betweenMs: 5_000 };

/** How often Node checks for a headers timeout within its duration: Node polls instead of setting a timer. */
const LOOKS_AT_HEADERS = 6;

/** How many pipelined requests may wait for their turn. Each takes about 4 kB. */
const MOST_WAITING = { ofAll: 50_000, ofOneAddress: 20_000 };

/**
 * Starts the server.
 *
 * @throws if the address is not available (in use, not local, not permitted)
 */
export async function listen(
  app: ReturnType<typeof createApp>,
  options: {
    host: string;
    port: number;
    connections: ConnectionBounds;
    /** The rate-limit headers of every response to an address, also to a malformed request. */
    rateHeaders: Access['rateHeaders'];
    log: Log;
    timeouts?: ClientTimeouts;
  },
): Promise<HttpServer> {
  const { log, timeouts = CLIENT_TIMEOUTS } = options;
  const tellerFor = (connection: Duplex) => ({
    log,
    rateHeaders: options.rateHeaders(addressOf(connection)),
  });
  // The request whose URL is being parsed: `answer` does that synchronously, before any other request.
  let asking: IncomingMessage;
  const answer = getRequestListener(app.fetch, {
    errorHandler: () => {
      // The application handles its own errors; only a target and Host that do not form a URL get here.
      const { status, body, headers } = answerMalformed(urlFault(asking), tellerFor(asking.socket));
      return new Response(body, { status, headers });
    },
  });
  const turns = createTurns({
    answer: (request, response) => {
      asking = request;
      const fault = malformation(request);
      if (!fault) return void answer(request, response);
      const { status, body, headers } = answerMalformed(fault, tellerFor(request.socket));
      response.writeHead(status, headers).end(body);
    },
    quota: new Quota(MOST_WAITING),
    addressOf,
  });
  // Without `requireHostHeader: false`, Node would answer a missing Host itself, without a body.
  const connectionsCheckingInterval = timeouts.headersMs / LOOKS_AT_HEADERS;
  const server = createServer(
    { requireHostHeader: false, connectionsCheckingInterval },
    (request, response) => {
      turns.request(request, response);
    },
  );
  boundConnections(server, options.connections, log);
  // Node's own limit of five minutes for a whole request would cut long uploads.
  server.requestTimeout = 0;
  server.headersTimeout = timeouts.headersMs;
  server.setTimeout(timeouts.stillMs);
  server.keepAliveTimeout = timeouts.betweenMs;
  // A client that closes its sending side (`nc -N`) still reads. @types/node lacks this option.
  Object.assign(server, { httpAllowHalfOpen: true });
  // Do not send `100 Continue` here: the route does so when it wants the body.
  for (const event of ['checkContinue', 'checkExpectation']) {
    server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      server.emit('request', request, response);
    });
  }
  const onFault = (error: NodeJS.ErrnoException, connection: Duplex) => {
    if (error.code === 'ECONNRESET') connection.destroy();
    else {
      turns.fault(connection, () => {
        answerConnection(error, connection, tellerFor(connection));
      });
    }
  };
  server.on('connect', (_request: IncomingMessage, connection: Duplex) => {
    // Node removes its own listeners: a reset would crash the process, and an idle connection would stay open.
    for (const event of ['error', 'timeout']) connection.on(event, () => connection.destroy());
    onFault(proxyFault(), connection);
  });
  server.on('clientError', onFault);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
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

const addressOf = (connection: Duplex) =>
  clientAddress((connection instanceof Socket ? connection.remoteAddress : undefined) ?? '', undefined);
