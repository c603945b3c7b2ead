import { createApp } from '../../src/http/app.ts';
import type { HttpServices } from '../../src/http/services.ts';
import { createLog } from '../../src/log.ts';
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
    access: { apiKeys: null, requestsPerHour: null, trustProxy: false, clock: new ManualClock() },
    version: '0',
    log: createLog('silent'),
  });
  const routes = new Map<string, AppRoute>();
  for (const { method, path } of app.routes) {
    if (path !== '/*') routes.set(`${method} ${path}`, { method, path });
  }
  return [...routes.values()];
}

/** Their paths, each once, with these values for the parameters; one that nobody thought of gets a value of its own. */
export function appPaths(values: Record<string, string>): string[] {
  const fill = (path: string) =>
    path.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, (_, name: string) => values[name] ?? 'x').replaceAll('*', 'x');
  return [...new Set(appRoutes().map(({ path }) => fill(path)))];
}
