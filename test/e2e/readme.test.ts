/** Every example of the README is run as it stands, against the server that its section configures. */
import { createHash, randomBytes } from 'node:crypto';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/config.ts';
import { commandsOf, examplesOf, idsOf, shapeOf } from '../support/markdownExamples.ts';
import { makeAudio } from '../support/python.ts';
import { projectRoot, startServerProcess, type ServerProcess } from '../support/serverProcess.ts';
import { Shell } from '../support/shell.ts';

const SESSION_MS = 240_000;
/** How long a question is repeated until its answer is the one that is shown: the separation takes a while. */
const ANSWER_MS = 90_000;
/** A key as the README has it made, for all who are named in its configuration. */
const KEY = randomBytes(24).toString('hex');

const readme = await readFile(path.join(projectRoot, 'README.md'), 'utf8');
const examples = examplesOf(readme);
const of = (language: string) => examples.filter((example) => example.language === language);
const where = (example: { section: string; line: number }) =>
  `line ${String(example.line)}, ${example.section}`;

/** A configuration of the README with keys in it. */
const filledIn = (yaml: string) =>
  yaml
    .replaceAll('sha256: CHANGE-ME', `sha256: ${createHash('sha256').update(KEY).digest('hex')}`)
    .replaceAll('key: CHANGE-ME', `key: ${randomBytes(24).toString('hex')}`);

test('no block of code is of a kind that is not run here, or with a real nginx in subPath.test.ts', () => {
  const kinds = new Set(examples.map(({ language }) => language));
  expect([...kinds].sort()).toEqual(['console', 'indented', 'nginx', 'yaml']);
});

describe('a session prints what the README shows', () => {
  let folder: string;
  const servers = new Map<string, Promise<ServerProcess>>();
  const startedWith = (settings: Record<string, unknown>) => {
    const key = JSON.stringify(settings);
    const command = ['npm', 'start', '--silent', '--'] as const;
    const server = servers.get(key) ?? startServerProcess({ settings, command });
    servers.set(key, server);
    return server;
  };

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-readme-'));
    // Long enough to be seen on its way.
    await makeAudio('mp3', path.join(folder, 'song.mp3'), { seconds: 20 });
  });
  afterAll(async () => {
    for (const server of await Promise.all(servers.values())) {
      await server.end('SIGTERM');
      await rm(server.dataDir, { recursive: true, force: true });
    }
    await rm(folder, { recursive: true, force: true });
  });

  test.each(of('console').map((example) => [where(example), example] as const))(
    '%s',
    async (_where, example) => {
      const settings = of('yaml')
        .filter(({ section }) => section === example.section)
        .map(({ lines }) => parse(filledIn(lines.join('\n'))) as Record<string, unknown>);
      const server = await startedWith(Object.assign({}, ...settings) as Record<string, unknown>);
      const shell = new Shell({ cwd: folder, env: { ...process.env, KEY } });
      const actualIds = new Map<string, string>();
      try {
        for (const { line, command, output } of commandsOf(example)) {
          const actual = await answerOf(shell, asRun(command, server, actualIds), output);
          expect(shapeOf(actual), `line ${String(line)}: ${command}`).toBe(shapeOf(output));
          for (const [index, id] of idsOf(output).entries()) actualIds.set(id, idsOf(actual)[index] ?? id);
          const saved = /# saved as (\S+)$/.exec(command)?.[1];
          if (saved !== undefined) expect(await readdir(folder)).toContain(saved);
        }
      } finally {
        shell.close();
      }
    },
    SESSION_MS,
  );
});

/** A command of the README with this run's address and ids. */
function asRun(command: string, server: ServerProcess, actualIds: ReadonlyMap<string, string>): string {
  let adapted = command.replaceAll('localhost:8000', new URL(server.url).host);
  for (const [shown, actual] of actualIds) adapted = adapted.replaceAll(shown, actual);
  return adapted;
}

/** What a command prints; one that only asks is repeated until it prints what is shown, or too long. */
async function answerOf(shell: Shell, command: string, shown: string): Promise<string> {
  const deadline = performance.now() + ANSWER_MS;
  const onlyAsks = !/ -[FX] /.test(command);
  for (;;) {
    const actual = await shell.run(command);
    const isShown = shapeOf(actual) === shapeOf(shown);
    if (isShown || !onlyAsks || performance.now() > deadline) return actual;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test.each(of('yaml').map((example) => [where(example), example] as const))(
  'the configuration at %s is accepted without a warning',
  async (_where, { lines }) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-readme-'));
    try {
      const file = path.join(folder, 'config.yaml');
      await writeFile(file, filledIn(lines.join('\n')));
      const load = () =>
        loadConfig({ argv: ['--config', file], env: { HOME: folder }, cwd: folder, projectRoot });
      expect(load().warnings).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);

test.each(of('indented').map((example) => [where(example), example] as const))(
  'the block at %s names scripts and folders that there are',
  async (_where, { lines }) => {
    // What is indented below a folder lies in it.
    let parent = '';
    for (const line of lines.filter((each) => each.trim() !== '')) {
      if (line.startsWith('npm ')) {
        await expectNpmCommand(line.replace(/ +#.*/, ''));
        continue;
      }
      const [, indent = '', names = ''] = /^( *)(\S+(?:, \S+)*)(?: {2,}|$)/.exec(line) ?? [];
      for (const name of names.split(', ')) await access(path.join(projectRoot, indent && parent, name));
      if (indent === '') parent = names;
    }
  },
);

test('every npm command in the text is one that there is', async () => {
  const commands = [...readme.matchAll(/`(npm [^`]+)`/g)].map(([, command = '']) => command);
  expect(commands.length).toBeGreaterThan(0);
  for (const command of commands) await expectNpmCommand(command);
});

/** Every script is in package.json, and every step of `npm test` that is named is one. */
async function expectNpmCommand(command: string): Promise<void> {
  const { scripts } = JSON.parse(await readFile(path.join(projectRoot, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const script = /^npm (?:run )?(\w+)/.exec(command)?.[1] ?? '';
  expect(Object.keys(scripts), command).toContain(script);
  const step = / --only (\S+)/.exec(command)?.[1];
  if (step === undefined) return;
  const { testSteps } = (await import(path.join(projectRoot, 'setup/testSteps.mjs'))) as {
    testSteps: (options: { root: string; python: string; folder: string }) => { name: string }[];
  };
  const steps = testSteps({ root: projectRoot, python: 'python3', folder: '/nowhere' });
  expect(steps.map(({ name }) => name)).toContain(step);
}

const documents = (await readdir(path.join(projectRoot, 'docs'))).filter((name) => name.endsWith('.md'));
test.each([
  ...['README.md', 'bench/README.md', 'pretrain/README.md'],
  ...documents.map((name) => `docs/${name}`),
])(
  'every link of %s to a file leads to one, and every command of it names a file that there is',
  async (name) => {
    const text = await readFile(path.join(projectRoot, name), 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = '']) =>
      path.join(path.dirname(name), link),
    );
    const commands = [...text.matchAll(/`(?:node|python3?) ((?:\w+\/)+\S+\.(?:mjs|py))/g)].map(
      ([, file = '']) => file,
    );
    for (const file of [...links, ...commands]) await access(path.join(projectRoot, file));
  },
);
