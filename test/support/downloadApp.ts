import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { Hono } from 'hono';
import { requestId } from 'hono/request-id';
import type { HttpEnv } from '../../src/http/request/env.ts';
import { sendFile } from '../../src/http/download/download.ts';
import { answerError } from '../../src/http/middleware/errors.ts';
import { createLog } from '../../src/log/log.ts';

export const ETAG = `"${'5e'.repeat(32)}"`;

/** What Node would send the answer by. */
export const newOutgoing = () => new ServerResponse(new IncomingMessage(new Socket()));

/** An application that gives out one file, at `/`, as the server does. */
export function downloadApp(
  content: Buffer,
  downloadName = 'song_drums.wav',
  read = ({ start, end }: { start: number; end: number }): Readable =>
    Readable.from(end < start ? [] : [content.subarray(start, end + 1)]),
  { log = createLog('silent'), makeOutgoing = newOutgoing } = {},
): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.use(requestId());
  app.use(async (c, next) => {
    c.set('rootLog', log);
    const outgoing = makeOutgoing();
    c.env = { incoming: outgoing.req, outgoing };
    await next();
  });
  app.get('/', (c) =>
    sendFile(c, {
      bytes: content.length,
      etag: ETAG,
      contentType: 'audio/wav',
      downloadName,
      read: (range) => Promise.resolve(read(range)),
    }),
  );
  app.onError(answerError);
  return app;
}
