/** What the server, in this process, reads of the heads of its requests. */
import { EventEmitter } from 'node:events';
import { IncomingMessage, Server } from 'node:http';
import { HonoRequest } from 'hono/request';
import { vi } from 'vitest';

/** One value that was asked for, whether the client had sent it or not. */
export interface RequestRead {
  method: string;
  path: string;
  in: 'header' | 'query';
  /** Of a header, in small letters. */
  name: string;
}

/** Notes every header and query parameter that is asked for from now on; `vi.restoreAllMocks()` ends it. */
export function watchRequestReads(): RequestRead[] {
  const reads: RequestRead[] = [];
  for (const [method, where] of [
    ['header', 'header'],
    ['query', 'query'],
  ] as const) {
    const original = HonoRequest.prototype[method] as (name?: string) => unknown;
    vi.spyOn(HonoRequest.prototype, method).mockImplementation(function (this: HonoRequest, name?: string) {
      if (name !== undefined) reads.push({ ...at(this), in: where, name: name.toLowerCase() });
      return original.call(this, name) as never;
    });
  }
  const queries = HonoRequest.prototype.queries as () => Record<string, string[]>;
  vi.spyOn(HonoRequest.prototype, 'queries').mockImplementation(function (this: HonoRequest) {
    return noting(queries.call(this), (name) => reads.push({ ...at(this), in: 'query', name }));
  });
  // Node's getter of them can be replaced on one request only.
  const emit = EventEmitter.prototype.emit;
  vi.spyOn(Server.prototype, 'emit').mockImplementation(function (this: Server, event, ...args: unknown[]) {
    const [message] = args;
    if (message instanceof IncomingMessage && !Object.hasOwn(message, 'headers')) {
      const { method = '', url = '', headers } = message;
      const { pathname: path } = new URL(url, 'http://server');
      const note = (name: string) => reads.push({ method, path, in: 'header', name });
      Object.defineProperty(message, 'headers', { value: noting(headers, note) });
    }
    return emit.call(this, event, ...args);
  });
  return reads;
}

const at = ({ method, path }: HonoRequest) => ({ method, path });

/** The same values, and a word for each that is asked for. */
function noting<T extends Record<string, unknown>>(values: T, note: (name: string) => void): T {
  return new Proxy(values, {
    get(target, name) {
      if (typeof name === 'string') note(name);
      return Reflect.get(target, name) as unknown;
    },
  });
}
