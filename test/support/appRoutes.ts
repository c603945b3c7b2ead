import { createAccess } from '../../src/http/middleware/access.ts';
import { createApp } from '../../src/http/app.ts';
import type { HttpServices } from '../../src/http/routes/services.ts';
import { API_PREFIX } from '../../src/http/request/publicPath.ts';
import { createLog } from '../../src/log/log.ts';
import { ManualClock } from './manualClock.ts';

/** A route as the router itself has it, `path` in its own spelling (`/tasks/:task_id`). */
export interface AppRoute {
  method: string;
  path: string;
}

/** Every route of the application, each once, and nothing that only watches over them. */
export function appRoutes(): AppRoute[] {
  const app = createApp({ publicUrl: '' } as HttpServices, {
    corsOrigins: [],
    access: createAccess({
      apiKeys: null,
      requestsPerHour: null,
      trustProxy: false,
      clock: new ManualClock(),
    }),
    version: '0',
    log: createLog('silent'),
  });
  const routes = new Map<string, AppRoute>();
  for (const { method, path } of app.routes) {
    if (path !== '/*') routes.set(`${method} ${path}`, { method, path });
  }
  return [...routes.values()];
}

/** The only paths that need no key, in the router's spelling. Whoever adds one here opens it to everybody. */
export const OPEN_PATHS = [
  '/',
  '/docs',
  '/docs/',
  '/docs/start.js',
  '/docs/swagger-ui/:name',
  '/openapi.json',
  '/api/v1/health',
  '/api/v1/docs',
  '/api/v1/docs/',
  '/api/v1/openapi.json',
];

/** Method and path of every route that needs a key, with these values, below the API's prefix; with one that is not there, and a method that no route takes. */
export function guardedRoutes(values: Record<string, string>): (readonly [method: string, path: string])[] {
  const routes = appRoutes()
    .filter(({ path }) => !OPEN_PATHS.includes(path) && path.startsWith(API_PREFIX))
    .map(({ method, path }) => [method, fill(path, values).slice(API_PREFIX.length)] as const);
  return [...routes, ['GET', '/no-such-route'], ['PUT', '/tasks']];
}

/** Their paths, each once, with these values for the parameters; one that nobody thought of gets a value of its own. */
export function appPaths(values: Record<string, string>): string[] {
  return [...new Set(appRoutes().map(({ path }) => fill(path, values)))];
}

const fill = (path: string, values: Record<string, string>) =>
  path.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, (_, name: string) => values[name] ?? 'x').replaceAll('*', 'x');
