import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import type { Log } from '../log.ts';
import type { Access } from './access.ts';
import type { createApp } from './app.ts';
import { clientAddress } from './clientAddress.ts';
import { boundConnections, type ConnectionBounds } from './connections.ts';
import { answerConnection, answerMalformed, malformation, proxyFault, urlFault } from './malformed.ts';
import { Quota } from './quota.ts';
import { createTurns } from './turns.ts';

/** A listening server. */
export interface HttpServer {
  /** The URL it answers at. */
  url: string;
  /** Takes no more connections; lets open requests end until the deadline, then cuts them. */
  close(graceMs: number): Promise<void>;
}

/** How long a client may let the server wait. No setting: only tests put other numbers in. */
export interface ClientTimeouts {
  /** From the begin of a connection or request to the end of its headers. */
  headersMs: number;
  /** Within a request or its answer, without a byte in either direction; whatever moves may take as long as it needs. */
  stillMs: number;
  /** Between two requests on one connection. */
  betweenMs: number;
}

export const CLIENT_TIMEOUTS: ClientTimeouts = { headersMs: 60_000, stillMs: 120_000, betweenMs: 5_000 };

/** How many times a headers' time is looked at before it is over: Node does it every so often, not to the moment. */
const LOOKS_AT_HEADERS = 6;

/** How many requests may wait for their turn, as they do where clients pipeline. One takes about 4 kB. */
const MOST_WAITING = { ofAll: 50_000, ofOneAddress: 20_000 };

/**
 * Starts to listen.
 *
 * @throws when the address cannot be had (in use, not ours, not allowed)
 */
export async function listen(
  app: ReturnType<typeof createApp>,
  options: {
    host: string;
    port: number;
    connections: ConnectionBounds;
    /** What every answer says to an address, also to what is no request. */
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
  // The one whose target is being read: that happens within the call of `answer`, before it gives way to others.
  let asking: IncomingMessage;
  const answer = getRequestListener(app.fetch, {
    errorHandler: () => {
      // The application answers its own errors; what comes here is a target or a Host that make no URL.
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
  // Node would answer a missing Host itself, without a body.
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
  // A client that says that it sends no more (`nc -N`) still reads; @types/node does not have it.
  Object.assign(server, { httpAllowHalfOpen: true });
  // Not answered here with `100 Continue`: the route does that when it wants the body.
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
    // Node takes its own listeners away: a reset would end the process, and stillness would be for ever.
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
