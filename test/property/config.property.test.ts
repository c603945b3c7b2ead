import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError, loadConfig } from '../../src/config/config.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'msst-serve-config-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const KEYS = [
  'host',
  'port',
  'public_url',
  'cors_origins',
  'data_dir',
  'max_file_size',
  'max_audio_duration',
  'worker_threads',
  'devices',
  'log_level',
  'msst_root',
  'python',
  'models',
  '__proto__',
  'constructor',
];
const SNIPPETS = [
  'port: &a [*a]',
  'models: &m [{models: *m}]',
  '<<: {port: 1}',
  '? [a, b]\n: 1',
  '!!set {a, b}',
  '!!binary aGVsbG8=',
  'data_dir: !!python/tuple [1]',
  'port: 0x1F',
  'port: .inf',
  'port: -0',
  'port: .nan',
  'models: [null, 1, "a", [], {}]',
  'max_file_size: !!float 1e400',
  '%YAML 1.1\n---\nport: 010',
  'a: &x 1\nb: [*x, *y]',
  '--- 1\n--- 2',
];

const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string(),
  fc.integer(),
  fc.constantFrom('500MB', '4h', 'auto', 'memory', '-1s', '99999999999999999999GB', 'http://', 'http://a'),
  fc.array(fc.dictionary(fc.constantFrom('name', 'config_path', 'trust_pickle', 'x'), fc.jsonValue())),
);
const settings = fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string()), value);
const content = fc.oneof(
  settings.map((given) => stringify(given)),
  settings.map((given) => JSON.stringify(given)),
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', ']', '{', '}', '&', '*', '#', '"', '!', '|', '\t'),
  }),
  fc.array(fc.constantFrom(...SNIPPETS), { maxLength: 3 }).map((lines) => lines.join('\n')),
);

function load(text: string, env: NodeJS.ProcessEnv = {}, argv: string[] = []) {
  writeFileSync(path.join(folder, 'config.yaml'), text);
  return loadConfig({ argv, env, cwd: folder, projectRoot: '/srv/msst-serve' });
}

test('any file either gives a configuration or says in words what is wrong; nothing else is thrown', () => {
  fc.assert(
    fc.property(content, (text) => {
      try {
        const { config } = load(text);
        expect(path.isAbsolute(config.dataDir)).toBe(true);
        expect(config.maxFileSizeBytes).toBeGreaterThan(0);
        expect(Number.isInteger(config.port)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        const { problems } = error as ConfigError;
        expect(problems.length).toBeGreaterThan(0);
        for (const problem of problems) expect(problem).toMatch(/: .*\S/s);
      }
    }),
    { numRuns: 300 },
  );
});

test('any environment and command line do the same', () => {
  const variable = fc.tuple(
    fc
      .oneof(fc.constantFrom(...KEYS), fc.stringMatching(/^[a-z_]{1,12}$/))
      .map((key) => `MSST_SERVE_${key.toUpperCase()}`),
    fc.oneof(
      fc.string(),
      fc.constantFrom(...SNIPPETS),
      fc.jsonValue().map((json) => JSON.stringify(json)),
    ),
  );
  const flag = fc.oneof(
    fc.constantFrom('--port', '--host', '--data-dir', '--', '--port=', '--port=1', '-p', '--no-port'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(variable, { maxLength: 4 }), fc.array(flag, { maxLength: 4 }), (variables, argv) => {
      try {
        load('', Object.fromEntries(variables), argv);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }),
    { numRuns: 150 },
  );
});

test('the highest source that sets a key wins, whichever of them do', () => {
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
  fc.assert(
    fc.property(port, port, port, (line, env, file) => {
      const { config } = load(
        file === undefined ? '' : `port: ${String(file)}`,
        env === undefined ? {} : { MSST_SERVE_PORT: String(env) },
        line === undefined ? [] : ['--port', String(line)],
      );
      expect(config.port).toBe(line ?? env ?? file ?? 8000);
    }),
    { numRuns: 50 },
  );
});

test('no setting ever reaches a child process, and everything else does', () => {
  const name = fc.oneof(
    fc.constantFrom('MSST_SERVE_INTERNAL_X', 'MSST_SERVE_TEST_KEY', 'MSST_SERVE_HOST'),
    fc.stringMatching(/^[A-Z_]{1,10}$/),
  );
  fc.assert(
    fc.property(fc.dictionary(name, fc.stringMatching(/^[a-z]{1,8}$/)), (env) => {
      const { childEnv } = load('', env).config;
      const expected = Object.entries(env).filter(([key]) => !key.startsWith('MSST_SERVE_'));
      expect(childEnv).toEqual(Object.fromEntries(expected));
    }),
    { numRuns: 50 },
  );
});
