/** One request of a connection at a time: what a client pipelines waits, and its connection is not read meanwhile. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Quota } from './quota.ts';

/** Answers requests and faults of connections, each when everything before it on its connection has been answered. */
export interface Turns {
  request(request: IncomingMessage, response: ServerResponse): void;
  /** Tells a client that its connection brought what is no request, or no whole one. */
  fault(connection: Duplex, tell: () => void): void;
}

/**
 * Makes the keeper of turns.
 *
 * @param options.answer what Node would call for every request at once
 * @param options.quota how many requests may wait; a connection that brings more is cut
 * @param options.addressOf whom the requests of a connection count for
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

/** The requests of one connection: one that is being answered, and those that wait. */
class Line {
  answering: ServerResponse | undefined;
  #isBusy = false;
  /** After a fault nothing that is read can be understood. */
  #isBroken = false;
  #newest: IncomingMessage | undefined;
  /** Node parses all that one read brought, up to 64 KiB, before anybody can stop it. */
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

  /** After the answers to what came whole; in place of the answer to what did not. */
  break(tell: () => void): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    const isPart = this.#newest?.complete === false;
    if (isPart && this.#waiting.length > 0) this.#waiting[this.#waiting.length - 1] = tell;
    else if (!isPart && this.#isBusy) this.#wait(tell);
    // Nothing may be written into an answer that has begun.
    else if (this.#isBusy && this.answering?.headersSent === true) this.#connection.destroy();
    else tell();
  }

  /** What was being answered is: the next. */
  goOn(): void {
    const next = this.#waiting.shift();
    this.#isBusy = next !== undefined;
    if (!next || this.#address === undefined) return;
    this.#quota.giveBack(this.#address);
    if (this.#waiting.length === 0) this.#connection.resume();
    // Not at once: a long line of cheap requests would keep the event loop from everybody else.
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

  /** Once, for hardly any connection ever has one waiting. */
  #watch(): string {
    const address = this.#addressOf(this.#connection);
    this.#connection.on('resume', () => {
      // By Node, when a piece of an answer has gone out: that is no reason to read more requests.
      if (this.#waiting.length > 0) this.#connection.pause();
    });
    this.#connection.once('close', () => {
      this.#quota.giveBack(address, this.#waiting.length);
      this.#waiting = [];
    });
    return address;
  }
}
