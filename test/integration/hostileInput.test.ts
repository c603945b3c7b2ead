/** Every parameter of every route with what it must not be: the declared error, one shape, nothing left, nobody hurt. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { call, ended, form, submit, waitForTask } from '../support/client.ts';
import { sendRaw, type RawAnswer } from '../support/rawHttp.ts';
import { expectRefusal, readDeclaredStatuses, type DeclaredStatuses } from '../support/refusals.ts';
import { startTestServer, type TestServer } from '../support/testServer.ts';
import { makeWav } from '../support/wav.ts';

const song = makeWav(0.2);
/** Of another kind than a task's: what holds for all of these holds for every task id. */
const UNKNOWN_ID = '0b5c3f0e-8f0e-4a53-9d0d-4f8a1f6a2c11';
let server: TestServer;
let declared: DeclaredStatuses;
/** A completed task, for parameters beside its id. */
let taskId: string;
let kept: { inputs: string[]; results: string[] };

const stored = async () => ({
  inputs: await server.stored('inputs'),
  results: await server.stored('results'),
});

beforeAll(async () => {
  server = await startTestServer();
  declared = await readDeclaredStatuses(server.url);
  const { task_id } = await submit(server.url, form({}, { bytes: song }));
  await waitForTask(server.url, task_id, ended);
  taskId = task_id;
  kept = await stored();
});
afterAll(() => server.dispose());

afterEach(async () => {
  expect((await call(`${server.url}/api/v1/health`)).status).toBe(200);
  await expect.poll(stored, { timeout: 5_000 }).toEqual(kept);
  expect(await server.stored('scratch')).toEqual([]);
  const { tasks } = (await call(`${server.url}/api/v1/tasks`)).body as { tasks: { task_id: string }[] };
  expect(tasks.map((task) => task.task_id)).toEqual([taskId]);
});

/** Sends one request whose target is taken as it is, where fetch would mend it. */
async function ask(method: string, target: string, headers: Record<string, string> = {}, body = '') {
  const lines = Object.entries({ host: 'localhost', connection: 'close', ...headers });
  if (body !== '') lines.push(['content-length', String(Buffer.byteLength(body))]);
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const [answer] = await sendRaw(server.url, [`${method} ${target} HTTP/1.1\r\n${head}\r\n${body}`]);
  if (!answer) throw new Error(`no answer to ${method} ${target}`);
  return answer;
}

/** The answer is one that the route declares; a refusal has the one shape. @returns status and code */
function expectDeclared(answer: RawAnswer, method: string, template: string): [number, string | null] {
  expect(declared(method, template)).toContain(answer.status);
  return [answer.status, answer.status >= 400 ? expectRefusal(answer) : null];
}

const TASK_ROUTES = [
  ['GET', '/api/v1/tasks/{task_id}'],
  ['DELETE', '/api/v1/tasks/{task_id}'],
  ['POST', '/api/v1/tasks/{task_id}/cancel'],
  ['GET', '/api/v1/tasks/{task_id}/results'],
] as const;
const DOWNLOAD = '/api/v1/download/{task_id}/{filename}';
const MODEL = '/api/v1/models/{model_type}';

/** One path segment each, as it stands in the request line. */
const SEGMENTS: [string, string][] = [
  ['a number', '1'],
  ['a word in capitals', 'NULL'],
  ['a percent-encoded NUL', `${UNKNOWN_ID}%00`],
  ['an overlong slash', '..%c0%af..%c0%afetc%c0%afpasswd'],
  ['half a UTF-8 character', '%e2%82'],
  ['a lone surrogate', '%ed%a0%80'],
  ['a percent sign alone', '%'],
  ['a percent sign and no digits', '%zz'],
  ['a right-to-left mark', `%e2%80%ae${UNKNOWN_ID}`],
  ['a byte order mark', `%ef%bb%bf${UNKNOWN_ID}`],
  ['traversal, encoded', '..%2f..%2f..%2ftasks.db'],
  ['traversal, encoded twice', '..%252f..%252ftasks.db'],
  ['traversal with backslashes', '..%5c..%5ctasks.db'],
  ['an absolute path', '%2fetc%2fpasswd'],
  ['a drive', 'C:%5cwindows'],
  ['SQL', `'%20OR%20'1'='1`],
  ['a percent of SQL', '%25'],
  ['an object', '%5bobject%20Object%5d'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['a template', '{task_id}'],
  ['a line break', `${UNKNOWN_ID}%0d%0aX-Injected:%201`],
  ['an emoji', '%f0%9f%8e%b5'],
  ['10,000 characters', 'a'.repeat(10_000)],
  ['blanks', '%20%20'],
  ['a semicolon', `${UNKNOWN_ID};x=y`],
];

describe.each(TASK_ROUTES)('%s %s, its task_id being', (method, template) => {
  test.each([...SEGMENTS, ['an unknown id', UNKNOWN_ID], ['a known id in capitals', 'KNOWN']])(
    '%s: 404 TASK_NOT_FOUND',
    async (_name, segment) => {
      const id = segment === 'KNOWN' ? taskId.toUpperCase() : segment;
      const answer = await ask(method, template.replace('{task_id}', id));
      expect(expectDeclared(answer, method, template)).toEqual([404, 'TASK_NOT_FOUND']);
      expect(answer.headers.get('x-injected')).toBeNull();
    },
  );
});

describe(`GET ${DOWNLOAD}, its parts being`, () => {
  test.each(SEGMENTS)('%s: 404 FILE_NOT_FOUND', async (_name, segment) => {
    for (const [id, filename] of [
      [taskId, segment],
      [segment, 'drums.wav'],
      [segment, segment],
    ]) {
      if ((id ?? '').length + (filename ?? '').length > 15_000) continue;
      const answer = await ask('GET', `/api/v1/download/${id ?? ''}/${filename ?? ''}`);
      expect(expectDeclared(answer, 'GET', DOWNLOAD)).toEqual([404, 'FILE_NOT_FOUND']);
    }
  });

  test.each([
    'mixture.wav',
    'DRUMS.WAV',
    'drums.wav%00',
    'drums.wav/',
    'drums.wav/.',
    '1%2fdrums.wav',
    '.',
    '%2e%2e',
  ])('a name beside the right one, %s: 404', async (filename) => {
    const answer = await ask('GET', `/api/v1/download/${taskId}/${filename}`);
    expect(expectDeclared(answer, 'GET', DOWNLOAD)[0]).toBe(404);
  });

  test.each([
    ['bytes=9999999999999999999-', 416],
    ['bytes=-0', 416],
    ['bytes=99999999-5', 200],
    ['bytes=5-1', 200],
    ['bytes=0-99999999999999999999', 206],
    ['bytes=-99999999999999999999', 206],
    ['bytes=a-b', 200],
    ['bytes', 200],
    ['lines=0-1', 200],
    ['bytes=0-0, 2-2, 4-4', 200],
    [`bytes=${'0-0,'.repeat(2_000)}0-0`, 200],
    ['bytes=-', 200],
    ['bytes=0x0-0x9', 200],
    ['bytes=1e1-', 200],
    ['%00', 200],
  ])('with the range %s: %d', async (range, status) => {
    const answer = await ask('GET', `/api/v1/download/${taskId}/drums.wav`, { range });
    expect(expectDeclared(answer, 'GET', DOWNLOAD)[0]).toBe(status);
  });

  test.each(['"', 'W/"x"', '*', '""', 'a'.repeat(5_000), 'Thu, 99 Foo 2026 99:99:99 GMT'])(
    'with the validator %s it is answered as declared',
    async (validator) => {
      for (const name of ['if-range', 'if-none-match', 'if-match', 'if-modified-since']) {
        const answer = await ask('GET', `/api/v1/download/${taskId}/drums.wav`, {
          range: 'bytes=0-9',
          [name]: validator,
        });
        expectDeclared(answer, 'GET', DOWNLOAD);
      }
    },
  );
});

describe(`GET ${MODEL}, its model_type being`, () => {
  test.each(SEGMENTS)('%s: 404 MODEL_NOT_FOUND', async (_name, segment) => {
    const answer = await ask('GET', `/api/v1/models/${segment}`);
    expect(expectDeclared(answer, 'GET', MODEL)).toEqual([404, 'MODEL_NOT_FOUND']);
  });
});

describe('GET /api/v1/tasks, asked for', () => {
  test.each([
    ['limit=0', 400],
    ['limit=-1', 400],
    ['limit=201', 400],
    ['limit=1e2', 400],
    ['limit=1.5', 400],
    ['limit=0x10', 400],
    ['limit=%2b5', 400],
    ['limit=%205', 400],
    ['limit=NaN', 400],
    ['limit=Infinity', 400],
    ['limit=%d9%a3', 400],
    ['limit=99999999999999999999', 400],
    ['limit=5&limit=6', 400],
    ['limit=5&limit=5', 400],
    ['limit=%00', 400],
    ['limit=%ff', 400],
    ['limit=%', 400],
    [`limit=${'9'.repeat(8_000)}`, 400],
    ['status=Pending', 400],
    ['status=queued', 400],
    ['status=pending%00', 400],
    ['status=pending&status=failed', 400],
    ['status=pending,failed', 400],
    ['status=%e2%80%aepending', 400],
    ["status=pending'--", 400],
    ['status=__proto__', 400],
    ['status=constructor', 400],
    ['cursor=-1', 400],
    ['cursor=1.0', 400],
    ['cursor=abc', 400],
    ['cursor=9999999999999999', 400],
    ['cursor=1&cursor=2', 400],
    ['cursor=%c0%80', 400],
    ['limit=&status=&cursor=', 200],
    ['limit[]=5&status[$ne]=x', 400],
    ['__proto__[limit]=0&constructor=x', 400],
    ['LIMIT=0', 400],
    ['state=completed', 400],
    ['limit=5&page=2', 400],
    ['limit', 200],
    ['=', 200],
    ['&&&&', 200],
    ['%=%&%00=%00', 400],
    [Array.from({ length: 1_000 }, (_none, n) => `a${String(n)}=1`).join('&'), 400],
  ])('%s', async (query, status) => {
    const answer = await ask('GET', `/api/v1/tasks?${query}`);
    const code = status === 400 ? 'INVALID_PARAMETERS' : null;
    expect(expectDeclared(answer, 'GET', '/api/v1/tasks')).toEqual([status, code]);
  });
});

describe('a route that takes no parameter', () => {
  test.each(['health', 'models', 'metrics'])(
    'answers GET /%s whatever it is sent beside it',
    async (name) => {
      for (const headers of [
        { accept: 'image/png' },
        { accept: ';;;,,q=9' },
        { accept: 'text/plain;q=zzz, application/json;q=-1' },
        { 'accept-encoding': 'nonsense' },
        { 'content-type': 'multipart/form-data' },
        { 'x-request-id': 'a'.repeat(3_000) },
        { 'x-request-id': '../../etc/passwd<script>' },
        { cookie: 'a=b; __proto__=c' },
        { 'x-forwarded-for': '999.999.999.999, ::::' },
        { authorization: 'Basic Og==' },
      ]) {
        const answer = await ask('GET', `/api/v1/${name}?x=%00&x=%`, headers);
        expect([name, headers, answer.status]).toEqual([name, headers, 200]);
        expect(answer.headers.get('x-request-id')).toMatch(/^[\w=-]{1,255}$/);
      }
    },
  );
});

describe('a method that a route does not take', () => {
  test.each([
    ['PUT', '/api/v1/separate'],
    ['GET', '/api/v1/separate'],
    ['PATCH', '/api/v1/tasks'],
    ['DELETE', '/api/v1/tasks'],
    ['POST', '/api/v1/tasks/x'],
    ['GET', '/api/v1/tasks/x/cancel'],
    ['POST', '/api/v1/tasks/x/results'],
    ['DELETE', '/api/v1/download/x/drums.wav'],
    ['POST', '/api/v1/models'],
    ['PUT', '/api/v1/models/starter'],
    ['POST', '/api/v1/health'],
    ['DELETE', '/api/v1/metrics'],
    ['PROPFIND', '/api/v1/tasks'],
    ['TRACE', '/api/v1/tasks'],
    ['OPTIONS', '/api/v1/separate'],
  ])('%s %s: 405 with what it takes', async (method, path) => {
    const answer = await ask(method, path, {}, method === 'TRACE' ? '' : '{"a":1}');
    expect([answer.status, expectRefusal(answer)]).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(answer.headers.get('allow')).toMatch(/[A-Z]/);
  });
});

describe('a path that is no route: 404 ROUTE_NOT_FOUND', () => {
  test.each([
    '/api/v1',
    '/api/v1/',
    '/api/v1/tasks/',
    '/api/v2/tasks',
    '/API/V1/TASKS',
    '//api/v1/tasks',
    '/api//v1/tasks',
    '/api/v1/tasks/x/y/z',
    '/api/v1/download/x',
    '/docs/../../package.json',
    '/docs/%2e%2e/%2e%2e/package.json',
    '/docs/..%2f..%2fpackage.json',
    '/.env',
    '/data/tasks.db',
    '/%00',
    '/%ff',
  ])('%s', async (path) => {
    const answer = await ask('GET', path);
    expect([answer.status, expectRefusal(answer)]).toEqual([404, 'ROUTE_NOT_FOUND']);
  });
});

describe('POST /api/v1/separate', () => {
  const SEPARATE = '/api/v1/separate';

  /** Parts as a hostile client would write them, without the file's own content unless given. */
  async function post(parts: string[], contentType = 'multipart/form-data; boundary=xx'): Promise<RawAnswer> {
    const body = Buffer.concat([
      ...parts.map((part) => Buffer.from(`--xx\r\nContent-Disposition: form-data; ${part}\r\n`)),
      Buffer.from('--xx--\r\n'),
    ]);
    const head =
      `POST ${SEPARATE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
      `Content-Type: ${contentType}\r\nContent-Length: ${String(body.byteLength)}\r\n\r\n`;
    const [answer] = await sendRaw(server.url, [head, body]);
    if (!answer) throw new Error('no answer');
    return answer;
  }
  const field = (name: string, value: string) => `name="${name}"\r\n\r\n${value}`;
  const file = 'name="file"; filename="a.wav"\r\n\r\nRIFF';

  const WRONG: Record<string, string[]> = {
    model_type: [
      'nothing',
      '../../etc/passwd',
      '\0',
      '\u202estarter',
      '__proto__',
      'constructor',
      '[]',
      '{"a":1}',
      'starter,starter',
      'a'.repeat(60_000),
    ],
    instruments: [
      'vocals',
      '[',
      '[1]',
      '["drums",null]',
      '{"drums":1}',
      '["drums"',
      'drums\0',
      '\u202edrums',
      '__proto__',
      '[["drums"]]',
      'drums;bass',
      'a,'.repeat(20_000),
      'drums,'.repeat(201),
      JSON.stringify(Array(5_000).fill('drums')),
      'a'.repeat(60_000),
      '['.repeat(60_000),
      '["drums",'.repeat(5_000),
    ],
    use_tta: ['2', 'maybe', 'null', '[]', 'true,false', 'tr\0ue', '\u202etrue', 'y', '-1', '1.0'],
    extract_instrumental: ['2', 'on', 'none', '{}', 'TRUE!', '0x1'],
    output_format: ['mp3', 'WAV', 'flac ,wav', 'wav\0', '.wav', '../wav', '1', 'toString'],
    pcm_type: ['PCM_8', 'pcm_16', 'PCM_24\0', '24', 'FLOAT64', 'DOUBLE', 'valueOf'],
    bigshifts: [
      '0',
      '17',
      '-1',
      '1.5',
      '1e1',
      'Infinity',
      'NaN',
      '٣',
      '99999999999999999999',
      '0x2',
      ' + 1',
      'true',
    ],
    num_overlap: ['0', '51', '-2', '2.0', 'two', '2\0', '１'],
    batch_size: ['0', '65', '-1', '1,2', '[1]', 'null'],
  };
  describe.each(Object.entries(WRONG))('with a wrong %s: 400 naming it,', (name, values) => {
    test.each(values)('%.40s', async (value) => {
      const answer = await post([field(name, value), file]);
      expect(expectDeclared(answer, 'POST', SEPARATE)).toEqual([400, 'INVALID_PARAMETERS']);
      const { params } = (
        JSON.parse(answer.body) as { error: { details: { params: { name: string; received?: string }[] } } }
      ).error.details;
      expect(new Set(params.map((param) => param.name))).toEqual(new Set([name]));
      for (const { received = '' } of params) expect(received.length).toBeLessThan(200);
      expect(answer.body.length).toBeLessThan(20_000);
    });

    test('twice', async () => {
      const twice =
        name === 'instruments' ? [field(name, 'x'), field(name, 'x')] : [field(name, '1'), field(name, '1')];
      expect(expectDeclared(await post([...twice, file]), 'POST', SEPARATE)).toEqual([
        400,
        'INVALID_PARAMETERS',
      ]);
    });
  });

  describe('with options that would be ignored: 400 naming each, before the body is read,', () => {
    const ask = async (query: string, headers: string[] = []) => {
      const head = ['Host: localhost', 'Connection: close', 'Content-Type: multipart/form-data; boundary=xx'];
      const lines = [...head, ...headers, 'Content-Length: 100000'].map((line) => `${line}\r\n`);
      const [answer] = await sendRaw(server.url, [
        `POST ${SEPARATE}${query} HTTP/1.1\r\n${lines.join('')}\r\n`,
      ]);
      if (!answer) throw new Error('no answer');
      expect(expectDeclared(answer, 'POST', SEPARATE)).toEqual([400, 'INVALID_PARAMETERS']);
      const problem = JSON.parse(answer.body) as {
        detail: string;
        error: { details: { params: { name: string; did_you_mean?: string }[] } };
      };
      return { detail: problem.detail, params: problem.error.details.params };
    };

    test.each([
      ['?use_tta=true', ['use_tta']],
      ['?use_tta=', ['use_tta']],
      ['?model_type=starter&instruments=drums&instruments=bass&x=1', ['model_type', 'instruments', 'x']],
      ['?api_key=verysecret', ['api_key']],
      [`?${Array.from({ length: 2_000 }, (_none, n) => `a${String(n)}`).join('&')}`, 20],
      [`?${'a'.repeat(10_000)}`, 1],
    ])('in the query %.40s', async (query, names) => {
      const { detail, params } = await ask(query);
      expect(Array.isArray(names) ? params.map(({ name }) => name) : params.length).toEqual(names);
      expect(detail).toContain('form fields');
      expect(detail).not.toContain('verysecret');
    });

    test('in the query with a slip, and says what was meant', async () => {
      expect((await ask('?modeltype=starter')).params).toMatchObject([{ did_you_mean: 'model_type' }]);
    });

    test.each(['gzip', 'br', 'GZIP, identity', 'x'.repeat(5_000)])(
      'as Content-Encoding: %.20s',
      async (coding) => {
        const { detail, params } = await ask('', [`Content-Encoding: ${coding}`]);
        expect(params.map(({ name }) => name)).toEqual(['Content-Encoding']);
        expect(detail).toContain('send the form as it is');
      },
    );
  });

  test('with Content-Encoding: identity, or an empty query: read as ever', async () => {
    const [answer] = await sendRaw(server.url, [
      `POST ${SEPARATE}? HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Encoding: identity\r\n` +
        'Content-Type: multipart/form-data; boundary=xx\r\nContent-Length: 8\r\n\r\n--xx--\r\n',
    ]);
    expect(answer?.body).toContain('The file is missing');
  });

  test.each([
    [
      '10,000 fields',
      Array.from({ length: 10_000 }, (_none, n) => field(`f${String(n)}`, '1')),
      'INVALID_MULTIPART',
    ],
    ['10,000 times one field', Array<string>(10_000).fill(field('use_tta', '1')), 'INVALID_MULTIPART'],
    ['10,000 files', Array<string>(10_000).fill(file), 'INVALID_MULTIPART'],
    [
      'fields of 90 KB',
      Array<string>(3).fill(field('instruments', 'a,'.repeat(30_000))),
      'INVALID_MULTIPART',
    ],
    ['a field of 1 MB', [field('model_type', 'a'.repeat(1_000_000)), file], 'INVALID_MULTIPART'],
    ['a field name of 1 MB', [field('a'.repeat(1_000_000), '1'), file], null],
    ['a file name of 1 MB', [`name="file"; filename="${'a'.repeat(1_000_000)}"\r\n\r\nRIFF`], null],
    [
      'a part with 10,000 headers',
      [`name="file"; filename="a.wav"\r\n${'X-A: b\r\n'.repeat(10_000)}\r\nRIFF`],
      null,
    ],
    ['a part without a name', ['filename="a.wav"\r\n\r\nRIFF'], null],
    ['an empty name', [field('', '1'), file], null],
    ['a name of control characters', [field('use\0_tta', '1'), file], 'INVALID_PARAMETERS'],
    ['a name from right to left', [field('\u202euse_tta', '1'), file], 'INVALID_PARAMETERS'],
    ['the name __proto__', [field('__proto__', '1'), file], 'INVALID_PARAMETERS'],
    ['the name constructor', [field('constructor', '1'), file], 'INVALID_PARAMETERS'],
    ['a known name in capitals', [field('MODEL_TYPE', 'starter'), file], 'INVALID_PARAMETERS'],
    [
      'a file in a text field',
      ['name="model_type"; filename="x"\r\n\r\nstarter', file],
      'INVALID_PARAMETERS',
    ],
    ['text in the file field', [field('file', 'hello')], null],
    ['no part at all', [], null],
    [
      'parts that nest',
      [`name="file"\r\nContent-Type: multipart/mixed; boundary=yy\r\n\r\n--yy\r\n\r\nRIFF\r\n--yy--`],
      null,
    ],
    [
      'a part in base64',
      [`name="file"; filename="a.wav"\r\nContent-Transfer-Encoding: base64\r\n\r\nUklGRg==`],
      null,
    ],
    [
      'a part in an unknown charset',
      ['name="model_type"\r\nContent-Type: text/plain; charset=x-none\r\n\r\nstarter', file],
      null,
    ],
    ['two files', [file, file], 'INVALID_PARAMETERS'],
    ['both of the file names', [file, file.replace('file"', 'audio"')], 'INVALID_PARAMETERS'],
  ])('with %s: 400', async (_name, parts, code) => {
    const [status, given] = expectDeclared(await post(parts), 'POST', SEPARATE);
    expect(status).toBe(400);
    if (code !== null) expect(given).toBe(code);
  });

  test.each([
    'application/json',
    'application/x-www-form-urlencoded',
    'multipart/mixed; boundary=xx',
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary="',
    `multipart/form-data; boundary=${'x'.repeat(5_000)}`,
    'multipart/form-data; boundary=xx; boundary=yy; charset=utf-16',
    'multipart/form-data, application/json',
    'MULTIPART/FORM-DATA; BOUNDARY=none',
    ';;;',
  ])('of the type %s: 400', async (contentType) => {
    const answer = await post([field('use_tta', '7')], contentType);
    expect(expectDeclared(answer, 'POST', SEPARATE)[0]).toBe(400);
  });

  test.each([
    '../../../etc/cron.d/x',
    '..\\..\\x',
    '/etc/passwd',
    'C:\\x',
    '\0',
    '.',
    '..',
    '%2e%2e%2fx',
    '\u202egpj.wav',
    '~root',
    '$(id)',
    'CON',
    'a'.repeat(10_000),
  ])('a file named %j that is no audio leaves nothing anywhere', async (name) => {
    const answer = await post([`name="file"; filename="${name.replace(/\\/g, '\\\\')}"\r\n\r\nhello`]);
    expect(expectDeclared(answer, 'POST', SEPARATE)[0]).toBe(400);
  });
});

test('no generated path, query or header gets anything but a declared answer', async () => {
  const piece = fc.oneof(
    fc.constantFrom(...SEGMENTS.map(([, segment]) => segment)),
    fc.stringMatching(/^[!$&-;=@-Z_a-z~]{0,30}$/),
    fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => encodeURIComponent(text)),
    fc
      .uint8Array({ maxLength: 20 })
      .map((bytes) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')),
  );
  const target = fc.oneof(
    fc
      .tuple(fc.constantFrom('tasks', 'models', 'download', 'separate', '..', ''), piece, piece)
      .map((parts) => `/api/v1/${parts.join('/')}`),
    fc
      .tuple(fc.constantFrom('limit', 'status', 'cursor'), piece, piece)
      .map(([name, one, other]) => `/api/v1/tasks?${name}=${one}&${other}`),
  );
  const method = fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'OPTIONS');
  const header = fc.tuple(
    fc.constantFrom('accept', 'range', 'if-none-match', 'origin', 'x-request-id', 'cookie'),
    fc.stringMatching(/^[!-~]{0,40}$/),
  );
  await fc.assert(
    fc.asyncProperty(method, target, header, async (verb, path, [name, value]) => {
      const answer = await ask(verb, path, { [name]: value });
      expect(answer.status).toBeLessThan(500);
      if (answer.status >= 400 && verb !== 'HEAD') expectRefusal(answer);
    }),
    { numRuns: 300 },
  );
}, 60_000);
