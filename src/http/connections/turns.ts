/**
 * Handles one request per connection at a time. Pipelined requests wait, and the connection is not read meanwhile.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Quota } from './quota.ts';

/** Handles requests and connection faults, each after everything before it on its connection has been answered. */
export interface Turns {
  request(request: IncomingMessage, response: ServerResponse): void;
  /** Reports an invalid or incomplete request to the client. */
  fault(connection: Duplex, tell: () => void): void;
}

/**
 * Creates the turns, with one queue per connection.
 *
 * @param options.answer the request listener, which Node would call immediately for every request
 * @param options.quota limits how many requests may wait; a connection that exceeds it is closed
 * @param options.addressOf the address that the requests of a connection count against
 */
export function createTurns(options: {
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  quota: Quota;
  addressOf: (connection: Duplex) => string;
}): Turns {
  const { answer, quota, addressOf } = options;
  const lines = new WeakMap<Duplex, Line>();
  const lineOf = (connection: Duplex): Line => {
    const known = lines.get(connection);
    if (known) return known;
    const line = new Line(connection, quota, addressOf);
    lines.set(connection, line);
    return line;
  };
  return {
    request(request, response) {
      const line = lineOf(request.socket);
      line.take(request, () => {
        line.answering = response;
        response.once('close', () => {
          line.goOn();
        });
        answer(request, response);
      });
    },
    fault(connection, tell) {
      lineOf(connection).break(tell);
    },
  };
}

/** The requests of one connection: the one being answered and those waiting. */
class Line {
  answering: ServerResponse | undefined;
  #isBusy = false;
  /** Set after a fault: nothing that is read later can be parsed. */
  #isBroken = false;
  #newest: IncomingMessage | undefined;
  /** The waiting requests. Node parses all data of one read, up to 64 KiB, before the connection can be paused. */
  #waiting: (() => void)[] = [];
  #address: string | undefined;
  readonly #connection: Duplex;
  readonly #quota: Quota;
  readonly #addressOf: (connection: Duplex) => string;

  constructor(connection: Duplex, quota: Quota, addressOf: (connection: Duplex) => string) {
    this.#connection = connection;
    this.#quota = quota;
    this.#addressOf = addressOf;
  }

  take(request: IncomingMessage, begin: () => void): void {
    this.#newest = request;
    if (this.#isBusy) {
      this.#wait(begin);
      return;
    }
    this.#isBusy = true;
    begin();
  }

  /**
   * Sends the error after the responses to complete requests, or in place of the response to an incomplete one.
   */
  break(tell: () => void): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    const isPart = this.#newest?.complete === false;
    if (isPart && this.#waiting.length > 0) this.#waiting[this.#waiting.length - 1] = tell;
    else if (!isPart && this.#isBusy) this.#wait(tell);
    // Nothing may be written into a response that has started.
    else if (this.#isBusy && this.answering?.headersSent === true) this.#connection.destroy();
    else tell();
  }

  /** Starts the next request after the current one has been answered. */
  goOn(): void {
    const next = this.#waiting.shift();
    this.#isBusy = next !== undefined;
    if (!next || this.#address === undefined) return;
    this.#quota.giveBack(this.#address);
    if (this.#waiting.length === 0) this.#connection.resume();
    // Deferred: a long queue of cheap requests would block the event loop for everybody else.
    setImmediate(() => {
      if (this.#connection.writable) next();
    });
  }

  #wait(begin: () => void): void {
    if (this.#connection.destroyed) return;
    const address = (this.#address ??= this.#watch());
    if (this.#quota.take(address)) this.#waiting.push(begin);
    else this.#connection.destroy();
    if (this.#waiting.length === 1) this.#connection.pause();
  }

  /** Adds the listeners for waiting requests. Done on first use, since hardly any connection pipelines. */
  #watch(): string {
    const address = this.#addressOf(this.#connection);
    this.#connection.on('resume', () => {
      // Node resumes the connection when response data has been written; no more requests may be read then.
      if (this.#waiting.length > 0) this.#connection.pause();
    });
    this.#connection.once('close', () => {
      this.#quota.giveBack(address, this.#waiting.length);
      this.#waiting = [];
    });
    return address;
  }
}
