import { afterAll, beforeAll, expect, test } from 'vitest';
import { Clone, makePython, makeWheels, removeFolders, type Outcome } from './clone.ts';

const timeout = 120_000;

let clone: Clone;

beforeAll(async () => {
  const wheels = makeWheels(
    'av==1.0:av',
    'ruff==1.0:ruff',
    'mypy==1.0:mypy',
    'pytest==1.0:pytest',
    'demucs==1.0:demucs',
  );
  clone = new Clone({ wheels });
  clone.write('setup/test-requirements.txt', 'ruff\nmypy\npytest\n');
  clone.write('setup/architecture-requirements.txt', 'demucs==1.0  # import demucs\n');
  const conda = makePython(['torch==2.5', 'numpy==2.1', 'librosa==0.10', 'msst==0.1.0']);
  python = [conda.bin];
  await runTests({});
}, timeout);

afterAll(removeFolders);

let python: string[];

interface Suites {
  eslint?: { code: number; prints: string };
  depcruise?: string;
  vitest?: { code: number; counts: { passed: number; failed: string[]; skipped: string[] } | null };
  pytest?: { code: number; junit: string };
}

const vitestWell = { code: 0, counts: { passed: 5, failed: [], skipped: [] } };
const pytestWell = {
  code: 0,
  junit: '<testsuites><testcase classname="a" name="b" time="0.1" /></testsuites>',
};

/** `npm test` with stand-ins for the tools, which end as told. All but the two suites count as one test each. */
function runTests(suites: Suites, args: string[] = []): Promise<Outcome> {
  const { code, counts } = suites.vitest ?? vitestWell;
  const vitest = `${counts ? `require('fs').writeFileSync(process.env.MSST_SERVE_TEST_COUNTS, ${quoted(JSON.stringify(counts))});` : ''} process.exitCode = ${code};`;
  const eslint = suites.eslint ?? { code: 0, prints: '' };
  const pytest = suites.pytest ?? pytestWell;
  const modules = {
    'prettier/bin/prettier.cjs': '',
    'eslint/bin/eslint.js': `console.log(${quoted(eslint.prints)}); process.exitCode = ${eslint.code};`,
    'dependency-cruiser/bin/dependency-cruise.mjs': `console.log(${quoted(suites.depcruise ?? 'no violations (63 modules, 9 dependencies cruised)')});`,
    'knip/bin/knip.js': '',
    'vitest/vitest.mjs': `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); ${vitest}`,
  };
  for (const [name, script] of Object.entries(modules)) clone.write(`node_modules/${name}`, script);
  clone.write('setup/lintOpenApi.mjs', '');
  clone.write('docs/tables.mjs', '');
  clone.write('ruff.py', '');
  clone.write('mypy.py', '');
  clone.write(
    'pytest.py',
    `import pathlib, sys\npathlib.Path(sys.argv[1].split("=")[1]).write_text(${quoted(pytest.junit)})\nsys.exit(${pytest.code})\n`,
  );
  return clone.run({ args: ['test', ...args], python });
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

test('all is well: every tool counts as one test, and the sum stands alone on the last line', async () => {
  const outcome = await runTests({});
  expect(outcome.output.trimEnd().split('\n').at(-1)).toBe('18 passed, 0 failed');
  expect(outcome.code).toBe(0);
});

test('a tool that fails shows its output, the others still run, and the exit code is 1', async () => {
  const outcome = await runTests({ eslint: { code: 1, prints: 'line 3 is wrong' } });
  expect(outcome.output).toContain('line 3 is wrong');
  expect(outcome.output).toContain('eslint: it ended with code 1');
  expect(outcome.output.trimEnd().split('\n').at(-1)).toBe('17 passed, 1 failed');
  expect(outcome.code).toBe(1);
});

test('dependency-cruiser that saw no module counts as failed', async () => {
  const outcome = await runTests({
    depcruise: 'no dependency violations found (0 modules, 0 dependencies cruised)',
  });
  expect(outcome.output).toContain('depcruise: it saw no module at all');
  expect(outcome.code).toBe(1);
});

test('failed and skipped tests of both suites are listed, the skipped ones with their reasons', async () => {
  const junit = `<testsuites><testcase classname="test.a" name="one" time="1"><failure message="x &gt; y">…</failure></testcase>
    <testcase classname="test.a" name="two"><skipped type="pytest.skip" message="needs a &lt;GPU&gt;">…</skipped></testcase>
    <testcase classname="test.a" name="three[a&gt;b]" time="1" /></testsuites>`;
  const outcome = await runTests({
    vitest: {
      code: 1,
      counts: { passed: 2, failed: ['a.test.ts > breaks'], skipped: ['a.test.ts > waits: no tty'] },
    },
    pytest: { code: 1, junit },
  });
  for (const line of [
    'vitest: a.test.ts > breaks',
    'vitest: a.test.ts > waits: no tty',
    'pytest: test.a one',
    'pytest: test.a two: needs a <GPU>',
  ]) {
    expect(outcome.output).toContain(`  ${line}\n`);
  }
  expect(outcome.output.trimEnd().split('\n').at(-1)).toBe('15 passed, 2 failed, 2 skipped');
  expect(outcome.code).toBe(1);
});

test('a suite that died before it counted, or ran nothing, is a failure', async () => {
  const died = await runTests({ vitest: { code: 134, counts: null } });
  expect(died.output).toContain('vitest: it ended with code 134');
  expect(died.code).toBe(1);
  const empty = await runTests({ pytest: { code: 0, junit: '<testsuites></testsuites>' } });
  expect(empty.output).toContain('pytest: no test passed or failed');
  expect(empty.code).toBe(1);
});

test('--only runs the named steps alone, and an unknown name is refused with the list', async () => {
  const only = await runTests({}, ['--only', 'knip,vitest']);
  expect(only.output).not.toContain('== eslint');
  expect(only.output.trimEnd().split('\n').at(-1)).toBe('6 passed, 0 failed');
  const unknown = await runTests({}, ['--only', 'jest']);
  expect(unknown.output).toMatch(/the names are prettier, eslint, .*pytest/);
  expect(unknown.code).toBe(1);
});
