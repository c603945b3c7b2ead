import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import contentDisposition from 'content-disposition';
import type { Context } from 'hono';
import parseRange from 'range-parser';
import { AppError } from '../../errors.ts';
import type { HttpEnv } from '../request/env.ts';
import { requestLog } from '../request/requestLog.ts';

/** A file to send. */
export interface SentFile {
  bytes: number;
  /** A strong ETag: quoted, derived from the content. */
  etag: string;
  contentType: string;
  downloadName: string;
  /** Opens the file. Called only if a body is sent: not for HEAD or 304. */
  read(range: { start: number; end: number }): Promise<Readable>;
}

/**
 * Responds to GET and HEAD for a file: whole (200), one range (206) or not modified (304). A request for several
 * ranges gets the whole file, which RFC 9110 §14.2 allows.
 *
 * @throws {AppError} RANGE_NOT_SATISFIABLE; or what opening the file throws
 */
export async function sendFile(c: Context<HttpEnv>, file: SentFile): Promise<Response> {
  const headers: Record<string, string> = {
    etag: file.etag,
    'accept-ranges': 'bytes',
    // No Last-Modified: the content of this URL never changes, so a private cache may keep it indefinitely.
    'cache-control': 'private, max-age=31536000, immutable',
  };
  if (matches(c.req.header('if-none-match'), file.etag)) return c.body(null, 304, headers);

  headers['content-type'] = file.contentType;
  headers['content-disposition'] = attachment(file.downloadName);
  headers['x-content-type-options'] = 'nosniff';
  const range = requestedRange(c, file);
  const { start, end } = range ?? { start: 0, end: file.bytes - 1 };
  headers['content-length'] = String(end - start + 1);
  if (range) headers['content-range'] = `bytes ${String(start)}-${String(end)}/${String(file.bytes)}`;
  const status = range ? 206 : 200;
  if (c.req.method === 'HEAD') return c.body(null, status, headers);
  const source = await file.read({ start, end });
  const { outgoing } = c.env;
  closeWith(outgoing, source);
  const body = bodyOf(source, (error) => {
    // A client that disconnected is not an error.
    if (!outgoing.destroyed) requestLog(c).error({ err: error }, 'a download broke off');
    outgoing.destroy();
  });
  return c.body(body, status, headers);
}

/** Closes the file when the response ends, however it ends, even if nothing has been read yet. */
function closeWith(outgoing: ServerResponse, source: Readable): void {
  if (outgoing.destroyed) source.destroy();
  else outgoing.once('close', () => source.destroy());
}

/**
 * Like `Readable.toWeb`, but without copying every buffer. A read error ends the stream and is reported only to
 * `onFault`.
 */
function bodyOf(source: Readable, onFault: (error: unknown) => void): ReadableStream<Uint8Array> {
  const chunks = source.iterator() as AsyncIterator<Uint8Array, undefined>;
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          onFault(error);
          controller.close();
        }
      },
      // Destroy the source itself: returning an iterator that was never advanced would leave the file open.
      cancel: () => void source.destroy(),
    },
    // The source already reads ahead; buffering here as well would only take memory.
    { highWaterMark: 0 },
  );
}

/** One range (RFC 9110 §14.1.1): `5-9`, `5-` or `-5`. */
const RANGE = /^(?:(\d+)-(\d*)|-\d+)$/;

/** Whether a Range header is valid. One that is malformed, or ends before it begins, is ignored. */
function isValid(header: string): boolean {
  if (!/^bytes=/i.test(header)) return false;
  // Range by range: a regular expression over the whole list would backtrack over the blanks between them.
  return header
    .slice('bytes='.length)
    .split(',')
    .every((range) => {
      const [match, first, last] = RANGE.exec(range.trim()) ?? [];
      return match !== undefined && (!first || !last || Number(first) <= Number(last));
    });
}

function requestedRange(c: Context, file: SentFile): { start: number; end: number } | undefined {
  // RFC 9110 §14.2 defines ranges only for GET.
  if (c.req.method !== 'GET') return undefined;
  const header = c.req.header('range');
  if (header === undefined || !isValid(header)) return undefined;
  const condition = c.req.header('if-range');
  // Strong comparison: a range of another version must not be combined with what the client has.
  if (condition !== undefined && condition !== file.etag) return undefined;
  // The parser treats a suffix longer than the file as unsatisfiable; it means the whole file.
  const fitting = header.replace(/([=,]\s*-)(\d+)/g, (_, dash: string, length: string) =>
    dash.concat(String(Math.min(Number(length), file.bytes))),
  );
  const ranges = parseRange(file.bytes, fitting);
  // Malformed: ignored.
  if (ranges === -2) return undefined;
  if (ranges === -1) {
    throw new AppError(
      'RANGE_NOT_SATISFIABLE',
      `The range is outside the file, which has ${String(file.bytes)} bytes.`,
      {
        hints: { sizeBytes: file.bytes },
      },
    );
  }
  return ranges.length === 1 ? ranges[0] : undefined;
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}

/**
 * `Content-Disposition` in ASCII alone: other characters go into `filename*`. A name in Latin-1 would be allowed as
 * it is, but Node writes a header as UTF-8 when it goes out together with a text, and clients differ in what they read.
 */
const attachment = (name: string): string =>
  contentDisposition(name, { fallback: name.replace(/[^\x20-\x7e]/gu, '?') });
