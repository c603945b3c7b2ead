import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import {
  answerConnection,
  answerMalformed,
  malformation,
  urlFault,
} from '../../../../src/http/connections/malformed.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const rateHeaders = { 'X-RateLimit-Limit': '5' };
const faultOf = (code?: string, message = 'no request') =>
  Object.assign(new Error(message), code === undefined ? {} : { code });

/** A log that keeps its lines. */
function teller() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>);
  return { lines, log: pino({ base: null }, { write }), rateHeaders };
}

describe('a request with no Host header, or several', () => {
  const told = (...rawHeaders: string[]) => malformation({ rawHeaders } as unknown as IncomingMessage);

  test('is told from one with one, whatever else it has', () => {
    expect(told('Host', 'a')).toBeUndefined();
    expect(told('Host', 'a', 'Hosts', 'b', 'X-Host', 'c')).toBeUndefined();
    expect(told('HOST', 'a', 'X-A', 'host', 'X-B', 'host')).toBeUndefined();
    expect(told('ETag', 'a', 'Date', 'b', 'Vary', 'c', 'host', 'd')).toBeUndefined();
  });

  test('is none where no header is its name, whatever their values are', () => {
    const fault = { code: 'NO_HOST', message: 'no Host header' };
    expect(told()).toMatchObject(fault);
    expect(told('X-A', 'host', 'X-B', 'host')).toMatchObject(fault);
    expect(told('Date', 'a', 'Hosts', 'b', 'X-Host', 'c')).toMatchObject(fault);
  });

  test('is none where the one is empty', () => {
    expect(told('Host', '')).toMatchObject({ code: 'EMPTY_HOST', message: 'an empty Host header' });
  });

  test('is none, however the two are written', () => {
    expect(told('Host', 'a', 'Accept', '*/*', 'hOST', 'a')).toMatchObject({
      code: 'SEVERAL_HOSTS',
      message: 'several Host headers',
    });
  });
});

test.each([
  ['/', 'BAD_HOST'],
  ['/a/b?c=\\', 'BAD_HOST'],
  ['/a\\b', 'BAD_TARGET'],
  ['/\\?a', 'BAD_TARGET'],
  ['a/b', 'BAD_TARGET'],
  ['http://[', 'BAD_TARGET'],
  ['*', 'BAD_TARGET'],
  [undefined, 'BAD_TARGET'],
])('of a request for %s that makes no URL, the half that is none is told', (url, code) => {
  expect(urlFault({ url } as unknown as IncomingMessage)).toMatchObject({ code });
});

describe('the answer to what is no request', () => {
  test.each([
    ['HPE_HEADER_OVERFLOW', 'The headers of the request are too large: at most 16 KiB are allowed.'],
    ['ERR_HTTP_REQUEST_TIMEOUT', 'The headers of the request took too long: send them without a pause.'],
    ['HPE_INVALID_EOF_STATE', 'The request ended before it was complete.'],
    ['NO_HOST', 'The request has no Host header: send one.'],
    ['SEVERAL_HOSTS', 'The request has several Host headers: send one.'],
    ['HPE_INVALID_METHOD', 'The request cannot be read as HTTP/1.1.'],
    [undefined, 'The request cannot be read as HTTP/1.1.'],
  ])('to %s is a problem like any other, with the headers of every answer', (code, message) => {
    const { status, body, headers } = answerMalformed(faultOf(code), teller());
    expect(status).toBe(400);
    const { 'x-request-id': requestId, ...others } = headers;
    expect(requestId).toMatch(UUID);
    expect(others).toEqual({
      'content-type': 'application/problem+json',
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'X-RateLimit-Limit': '5',
      connection: 'close',
    });
    expect(JSON.parse(body)).toEqual({
      type: '/problems/invalid_parameters',
      title: 'Invalid parameters',
      status: 400,
      detail: message,
      instance: '/',
      request_id: requestId,
      error: { code: 'INVALID_PARAMETERS', message, details: {} },
    });
  });

  test.each([
    [faultOf('HPE_INVALID_METHOD'), 'HPE_INVALID_METHOD'],
    [faultOf(undefined, 'this is no proxy'), 'this is no proxy'],
  ])('has a line in the log that says why: %s', (fault, reason) => {
    const told = teller();
    const { headers } = answerMalformed(fault, told);
    expect(told.lines).toEqual([
      expect.objectContaining({
        level: 30,
        msg: 'request',
        requestId: headers['x-request-id'],
        method: null,
        route: null,
        durationMs: 0,
        owner: null,
        status: 400,
        code: 'INVALID_PARAMETERS',
        reason,
      }),
    ]);
  });

  test('goes out on the connection as HTTP, and ends it', async () => {
    const connection = new PassThrough();
    answerConnection(faultOf(undefined, 'ü'), connection, teller());
    const text = Buffer.concat((await connection.toArray()) as Buffer[]).toString();
    const [head = '', body = ''] = text.split('\r\n\r\n');
    const [statusLine, ...lines] = head.split('\r\n');
    expect(statusLine).toBe('HTTP/1.1 400 Bad Request');
    expect(lines).toContain('content-type: application/problem+json');
    expect(lines).toContain('connection: close');
    expect(lines).toContain(`content-length: ${String(Buffer.byteLength(body))}`);
    expect(JSON.parse(body)).toMatchObject({ status: 400 });
  });

  test('is not written to a connection that nobody reads, which is closed', () => {
    const connection = new PassThrough();
    connection.end();
    const told = teller();
    answerConnection(faultOf(), connection, told);
    expect(connection.destroyed).toBe(true);
    expect(told.lines).toEqual([]);
  });
});
