import { getPath } from 'hono/utils/url';

export const API_PREFIX = '/api/v1';

/** Prefixes of all the server's paths. The base path is stripped only if one of them, or nothing, follows it. */
const OURS = ['/docs', '/openapi.json', API_PREFIX];

/** The path of the public URL without a trailing slash; empty: the server is at the root of its host. */
export const basePath = (publicUrl: string): string =>
  publicUrl === '' ? '' : new URL(publicUrl).pathname.replace(/(?<!\/)\/+$/, '');

/**
 * Creates a function that reads a request's path. A reverse proxy that serves this server under a base path may
 * strip that path or pass it on; both work.
 *
 * @param publicUrl the configured public URL; empty: there is none
 */
export function createPathReader(publicUrl: string): (request: Request) => string {
  const base = basePath(publicUrl);
  if (base === '') return getPath;
  return (request) => {
    const path = getPath(request);
    if (path !== base && !path.startsWith(`${base}/`)) return path;
    const rest = path.slice(base.length);
    if (rest === '' || rest === '/') return '/';
    return OURS.some((ours) => rest === ours || rest.startsWith(`${ours}/`)) ? rest : path;
  };
}
