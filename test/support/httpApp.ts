import { pino } from 'pino';
import { createAccess, type AccessRules } from '../../src/http/middleware/access.ts';
import { createApp } from '../../src/http/app.ts';
import type { ConnectionBounds } from '../../src/http/connections/connections.ts';
import type { Metrics } from '../../src/http/reports/metrics.ts';
import { listen, type ClientTimeouts } from '../../src/http/server.ts';
import type { HttpServices } from '../../src/http/routes/services.ts';
import { ManualClock } from './manualClock.ts';

/** A line of the log, parsed. */
type LogLine = Record<string, unknown>;

/** The whole HTTP side on a free port; what lies behind it is the test's. */
export interface HttpApp {
  url: string;
  clock: ManualClock;
  lines: LogLine[];
  /** The requests that were counted. */
  counted: Parameters<Metrics['recordRequest']>[0][];
  /** Asks below the API's prefix. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  close(graceMs?: number): Promise<void>;
}

/** What is not given must not be asked for. */
export type GivenServices = {
  [Name in keyof HttpServices]?: HttpServices[Name] extends (...asked: never[]) => unknown
    ? HttpServices[Name]
    : Partial<HttpServices[Name]>;
};

/** Starts one. */
export async function startHttpApp(
  services: GivenServices = {},
  options: {
    corsOrigins?: string[];
    rules?: Partial<AccessRules>;
    connections?: ConnectionBounds;
    timeouts?: ClientTimeouts;
    /** Where it listens: at a free port of 127.0.0.1. */
    at?: { host?: string; port?: number };
  } = {},
): Promise<HttpApp> {
  const clock = new ManualClock();
  const lines: LogLine[] = [];
  const counted: HttpApp['counted'] = [];
  const write = (line: string) => lines.push(JSON.parse(line) as LogLine);
  const log = pino({ base: null }, { write });
  const access = createAccess({
    apiKeys: null,
    requestsPerHour: null,
    trustProxy: false,
    clock,
    ...options.rules,
  });
  const app = createApp(
    {
      clock,
      publicUrl: '',
      resultsKeptMs: 3_600_000,
      ...services,
      metrics: { recordRequest: (request) => counted.push(request), ...services.metrics },
    } as HttpServices,
    { corsOrigins: options.corsOrigins ?? [], access, version: '1.2.3', log },
  );
  const server = await listen(app, {
    host: '127.0.0.1',
    port: 0,
    ...options.at,
    connections: options.connections ?? { ofAll: 100, ofOneAddress: 100 },
    rateHeaders: access.rateHeaders,
    log,
    ...(options.timeouts ? { timeouts: options.timeouts } : {}),
  });
  return {
    url: server.url,
    clock,
    lines,
    counted,
    ask: (path, init) => fetch(`${server.url}/api/v1${path}`, { redirect: 'manual', ...init }),
    close: (graceMs = 0) => server.close(graceMs),
  };
}
