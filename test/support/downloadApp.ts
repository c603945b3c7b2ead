import { Readable } from 'node:stream';
import { Hono } from 'hono';
import { requestId } from 'hono/request-id';
import type { HttpEnv } from '../../src/http/env.ts';
import { sendFile } from '../../src/http/download.ts';
import { answerError } from '../../src/http/errors.ts';
import { createLog } from '../../src/log.ts';

export const ETAG = `"${'5e'.repeat(32)}"`;

/** An application that gives out one file, at `/`, as the server does. */
export function downloadApp(
  content: Buffer,
  downloadName = 'song_drums.wav',
  read = ({ start, end }: { start: number; end: number }): Readable =>
    Readable.from(end < start ? [] : [content.subarray(start, end + 1)]),
): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.use(requestId());
  app.use(async (c, next) => {
    c.set('rootLog', createLog('silent'));
    await next();
  });
  app.get('/', (c) =>
    sendFile(c, {
      bytes: content.length,
      etag: ETAG,
      contentType: 'audio/wav',
      downloadName,
      read,
    }),
  );
  app.onError(answerError);
  return app;
}
