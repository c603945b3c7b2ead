import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const BOUNDARY = 'a-boundary-that-no-audio-holds';

/**
 * One upload, and when its parts happened.
 *
 * @typedef {object} Posted
 * @property {any} task as the server answered
 * @property {number} beganAt ms, as `performance.now()` counts
 * @property {number} sentAt the last byte went to the operating system
 * @property {number} answeredAt the whole 201 was read
 * @property {number} waitedMs for its turn to be looked into, as the answer says
 */

/**
 * Posts a file as a client does that streams it.
 *
 * @param {string} baseUrl
 * @param {string} file
 * @param {{ fields?: Record<string, string>, headers?: Record<string, string>, chunked?: boolean }} [options] `chunked`:
 *   without Content-Length
 * @returns {Promise<Posted>}
 */
export async function postSong(baseUrl, file, { fields = {}, headers = {}, chunked = false } = {}) {
  const head = Buffer.from(
    Object.entries(fields)
      .map(([name, value]) => part(`name="${name}"`) + `${value}\r\n`)
      .join('') + part(`name="file"; filename="${path.basename(file)}"`),
  );
  const tail = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
  const { size } = await stat(file);
  const length = head.byteLength + size + tail.byteLength;

  const beganAt = performance.now();
  const request = http.request(`${baseUrl}/api/v1/separate`, {
    method: 'POST',
    headers: {
      ...headers,
      'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
      ...(chunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': length }),
    },
  });
  const answer = once(request, 'response');
  let sentAt = 0;
  request.once('finish', () => {
    sentAt = performance.now();
  });
  await pipeline(Readable.from(body(head, file, tail), { objectMode: false }), request);
  const [response] = await answer;
  const text = Buffer.concat(await response.toArray()).toString();
  const answeredAt = performance.now();
  if (response.statusCode !== 201) throw new Error(`not accepted: ${response.statusCode} ${text}`);
  const waitedMs = Number(/wait;dur=([\d.]+)/.exec(response.headers['server-timing'] ?? '')?.[1] ?? 0);
  return { task: JSON.parse(text), beganAt, sentAt, answeredAt, waitedMs };
}

/** @param {string} disposition */
const part = (disposition) => `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`;

/**
 * @param {Buffer} head
 * @param {string} file
 * @param {Buffer} tail
 */
async function* body(head, file, tail) {
  yield head;
  yield* createReadStream(file, { highWaterMark: 1024 * 1024 });
  yield tail;
}
