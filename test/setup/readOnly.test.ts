import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  basePython,
  Clone,
  lastLine,
  makePython,
  makeWheels,
  outcomeOf,
  removeFolders,
  type Outcome,
} from './clone.ts';

const timeout = 120_000;

let clone: Clone;
let conda: { prefix: string; bin: string };

beforeAll(async () => {
  conda = makePython(['torch==2.5', 'numpy==2.1', 'librosa==0.10', 'msst==0.1.0']);
  clone = new Clone({ wheels: makeWheels('av==1.0:av') });
  const outcome = await clone.run({ python: [conda.bin] });
  expect(outcome.code, outcome.output).toBe(0);
}, timeout);

afterAll(removeFolders);

/** Every file of the clone with its time of change. */
function everyFile(): string[] {
  return readdirSync(clone.root, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const stat = statSync(path.join(clone.root, name), { throwIfNoEntry: false });
      return `${name} ${String(stat?.mtimeMs)} ${String(stat?.size)}`;
    })
    .sort();
}

/** Why this machine cannot show the clone read-only to one process alone; null where it can. */
function noMount(): string | null {
  try {
    execFileSync('unshare', ['-m', 'mount', '--bind', clone.root, clone.root], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return `a read-only mount cannot be made here: ${String(error).split('\n')[0] ?? ''}`;
  }
}

/** A start on a mount of the clone that nobody can write, root included. */
function startMounted(env: Record<string, string> = {}): Promise<Outcome> {
  const mounted = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"';
  const PATH = [conda.bin, clone.bin].join(':');
  const start = [process.execPath, path.join(clone.root, 'setup', 'run.mjs'), 'start', '--data-dir', '/x'];
  const inside = ['-m', 'sh', '-c', mounted, clone.root, '/usr/bin/env', `PATH=${PATH}`, ...start];
  return outcomeOf(
    spawn('unshare', inside, { env: { ...clone.env, ...env, PATH: '/usr/bin:/bin:/usr/sbin:/sbin' } }),
  );
}

/** Another user who may read everything, since the interpreters of a test machine may lie below /root, and write nothing here. */
const otherUser = [
  ...['--reuid=65534', '--regid=65534', '--clear-groups'],
  ...['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search', '--securebits=+no_setuid_fixup'],
];

/** Why another user cannot try it here; null where one can. */
function noOtherUser(): string | null {
  try {
    execFileSync('setpriv', [...otherUser, basePython, '--version'], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return `a process cannot be started as another user here: ${String(error).split('\n')[0] ?? ''}`;
  }
}

function startAsOther(env: Record<string, string> = {}): Promise<Outcome> {
  const PATH = [conda.bin, clone.bin].join(':');
  const start = [process.execPath, path.join(clone.root, 'setup', 'run.mjs'), 'start', '--data-dir', '/x'];
  return outcomeOf(
    spawn('setpriv', [...otherUser, '/usr/bin/env', `PATH=${PATH}`, ...start], {
      cwd: clone.root,
      env: { ...clone.env, ...env, PATH: '/usr/bin:/bin:/usr/sbin:/sbin' },
    }),
  );
}

function expectServed(outcome: Outcome): void {
  expect(outcome.code, outcome.output).toBe(0);
  expect(outcome.server?.argv).toEqual(['--data-dir', '/x']);
  expect(outcome.server?.engine).toBe(path.join(conda.bin, 'python3'));
}

test('a start that has nothing to set up writes nothing', async () => {
  const before = everyFile();
  const outcome = await clone.run({ args: ['start', '--data-dir', '/x'], python: [conda.bin] });
  expectServed(outcome);
  expect(everyFile()).toEqual(before);
});

const ways: [string, () => string | null, typeof startMounted][] = [
  ['on a read-only mount', noMount, startMounted],
  ['as another user', noOtherUser, startAsOther],
];

test.for(ways)('a finished checkout starts %s, at once', { timeout }, async ([, whyNot, start], { skip }) => {
  const why = whyNot();
  if (why !== null) skip(why);
  const outcome = await start();
  expectServed(outcome);
  expect(outcome.output).not.toContain('set-up:');
});

test.for(ways)(
  'an interpreter that was not looked at before is looked at %s, and not remembered',
  { timeout },
  async ([, whyNot, start], { skip }) => {
    const why = whyNot();
    if (why !== null) skip(why);
    const before = everyFile();
    const outcome = await start({ PYTHONUSERBASE: '/nowhere' });
    expectServed(outcome);
    expect(outcome.output).toContain('preparing the Python that runs MSST');
    expect(everyFile()).toEqual(before);
  },
);

test.for(ways)(
  'what is still to be set up is told in one sentence %s, and no npm is started',
  { timeout },
  async ([, whyNot, start], { skip }) => {
    const why = whyNot();
    if (why !== null) skip(why);
    const lock = clone.read('package-lock.json');
    const runs = clone.runs;
    clone.write('package-lock.json', '{"changed": true}');
    const outcome = await start();
    clone.write('package-lock.json', lock);

    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toMatch(
      /^set-up: The npm packages .* must be set up here first, but .* cannot be written/,
    );
    expect(lastLine(outcome)).toContain('Run "npm start" there once');
    expect(outcome.output.trim().split('\n')).toHaveLength(1);
    expect(clone.runs).toEqual(runs);
    expect(existsSync(path.join(clone.root, '.setup', 'npm.log'))).toBe(false);
  },
);
