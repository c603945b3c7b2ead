import { getPath } from 'hono/utils/url';
import { API_PREFIX } from './wire.ts';

/** Where every path of ours begins; what does not is not made so by taking something away before it. */
const OURS = ['/docs', '/openapi.json', API_PREFIX];

/** The path of the public URL, without a slash at its end; empty: the server has its host to itself. */
export const basePath = (publicUrl: string): string =>
  publicUrl === '' ? '' : new URL(publicUrl).pathname.replace(/(?<!\/)\/+$/, '');

/**
 * Makes the reader of a request's path. A proxy that serves this server under a path of its own may take that away or
 * pass it on: both are understood.
 *
 * @param publicUrl as configured; empty: there is none
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
