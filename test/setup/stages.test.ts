import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Clone, lastLine, makePython, makeWheels, outcomeOf, removeFolders, stubNpm } from './clone.ts';

const timeout = 120_000;
const everything = ['torch==2.5', 'numpy==2.1', 'librosa==0.10', 'msst==0.1.0'];

let wheels: string;
let conda: { prefix: string; bin: string };
let ready: Clone;

beforeAll(async () => {
  wheels = makeWheels('av==1.0:av');
  conda = makePython(everything);
  ready = new Clone({ wheels });
  const outcome = await ready.run({ python: [conda.bin] });
  expect(outcome.code, outcome.output).toBe(0);
}, timeout);

afterAll(removeFolders);

function makeClone(): Clone {
  const clone = new Clone({ wheels });
  clone.shareMedia(ready);
  return clone;
}

/** Makes the clone's npm fail as the real one does, with this output. */
function npmFails(clone: Clone, output: string): void {
  clone.command('npm', `console.error(${JSON.stringify(output)}); process.exitCode = 1;`);
}

/** Makes the clone's npm wait, as the real one does for a minute, until the file `go-on` is there. */
function holdNpm(clone: Clone): void {
  clone.command(
    'npm',
    `fs.writeFileSync(root + '/npm-pid', String(process.pid));
     setTimeout(() => process.exit(1), 25_000); // a test that failed leaves nothing behind
     const timer = setInterval(() => { if (fs.existsSync(root + '/go-on')) { install(); process.exit(); } }, 20);
     function install() { ${stubNpm} }`,
  );
}

/** Waits until a process has written `text`. */
function said(stream: Readable, text: string): Promise<void> {
  let output = '';
  return new Promise((resolve) => {
    stream.on('data', (bytes: Buffer) => {
      output += bytes.toString();
      if (output.includes(text)) resolve();
    });
  });
}

const gypFailed = [
  'npm error path node_modules/better-sqlite3',
  'npm error prebuild-install warn install getaddrinfo ENOTFOUND github.com',
  'npm error gyp ERR! build error',
].join('\n');

describe('a second start', () => {
  test('prepares nothing, runs no npm and no compiler, and hands the arguments on', async () => {
    const before = ready.runs;
    const outcome = await ready.run({ args: ['start', '--port', '9000'], python: [conda.bin] });

    expect(ready.runs).toEqual(before);
    expect(outcome.output).not.toContain('set-up:');
    expect(outcome.server).toEqual({
      argv: ['--port', '9000'],
      engine: path.join(conda.bin, 'python3'),
      media: path.join(ready.root, '.venv', 'bin', 'python'),
      needs: '{"architectures":["scnet"],"missing":{"scnet":["x"]},"loader":null,"package_folders":[]}',
      options: '[{"names":["own"],"least":1,"most":1,"type":"int","choices":null}]',
    });
  });

  test.each(['needs', 'options'] as const)(
    'asks again for the %s that an older one did not note',
    async (what) => {
      const clone = makeClone();
      const first = await clone.run({ python: [conda.bin] });
      const file = path.join(clone.root, '.setup', 'engine.json');
      const records = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>[];
      writeFileSync(
        file,
        JSON.stringify(
          records.map((record) => Object.fromEntries(Object.entries(record).filter(([key]) => key !== what))),
        ),
      );
      const outcome = await clone.run({ python: [conda.bin] });
      expect(outcome.server?.[what]).toBe(first.server?.[what]);
      expect(outcome.server?.[what]).toMatch(/scnet|own/);
      expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(records);
    },
  );

  test('installs the packages again when the lock file changed, and builds again', async () => {
    const clone = makeClone();
    await clone.run({ python: [conda.bin] });
    clone.write('package-lock.json', '{"changed": true}');
    await clone.run({ python: [conda.bin] });
    expect(clone.runs).toEqual(['npm', 'tsc', 'npm', 'tsc']);
  });

  test('builds again, and nothing else, when a source changed', async () => {
    const clone = makeClone();
    await clone.run({ python: [conda.bin] });
    clone.write('src/main.ts', '// changed');
    await clone.run({ python: [conda.bin] });
    expect(clone.runs).toEqual(['npm', 'tsc', 'tsc']);
  });

  test(
    'makes a half-made environment anew',
    async () => {
      const clone = new Clone({ wheels: makeWheels() });
      const failed = await clone.run({ python: [conda.bin] });
      expect(failed.code).toBe(1);
      expect(lastLine(failed)).toContain('has no "av==1.0"');
      expect(lastLine(failed)).toContain('Install another Python (3.10 to 3.13)');
      expect(lastLine(failed)).not.toContain('Set "python"');

      const mended = await clone.run({ python: [conda.bin], env: { PIP_FIND_LINKS: wheels } });
      expect(mended.code, mended.output).toBe(0);
      expect(clone.packagesOf('.venv')).toContain('av');
    },
    timeout,
  );

  test('looks for an engine again when the one it used is gone', async () => {
    const clone = makeClone();
    const gone = makePython(everything);
    await clone.run({ python: [conda.bin], env: { VIRTUAL_ENV: gone.prefix } });
    rmSync(gone.prefix, { recursive: true });
    const outcome = await clone.run({ python: [conda.bin], env: { VIRTUAL_ENV: gone.prefix } });
    expect(outcome.server?.engine).toBe(path.join(conda.bin, 'python3'));
  });
});

describe('a failed installation of the npm packages', () => {
  test.each([
    [
      'without make',
      `${gypFailed}\nnpm error gyp ERR! stack Error: not found: make`,
      /"make" was not found.*apt install/,
    ],
    [
      'without a compiler',
      `${gypFailed}\nnpm error make: g++: No such file or directory`,
      /no C\+\+ compiler.*apt install/,
    ],
    [
      'without a Python for node-gyp',
      `${gypFailed}\nnpm error gyp ERR! find Python`,
      /no Python 3.*apt install python3/,
    ],
    [
      'on a full disk',
      'npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device',
      /disk is full.*Free/,
    ],
    [
      'without a network',
      'npm error code ENOTFOUND\nnpm error network request failed',
      /network.*cannot be reached/,
    ],
    ['on a wrong Node', 'npm error code EBADENGINE', /does not run on this Node\.js/],
    [
      'for a reason of its own',
      'npm error code EX\nnpm error Something else',
      /could not install the packages \(Something else\)/,
    ],
  ])('%s ends in a sentence with the mend, and exit code 1', async (_case, output, sentence) => {
    const clone = makeClone();
    clone.command('make', '');
    clone.command('g++', '');
    npmFails(clone, output);
    const outcome = await clone.run({ python: [conda.bin] });

    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toMatch(sentence);
    expect(lastLine(outcome)).toContain(path.join(clone.root, '.setup', 'npm.log'));
    expect(clone.read('.setup/npm.log')).toContain(output);
    expect(outcome.output).not.toContain('gyp ERR!');
    expect(outcome.server).toBeNull();
  });

  test('knows from PATH that there is no compiler, whatever node-gyp says', async () => {
    const clone = makeClone();
    npmFails(clone, gypFailed);
    clone.command('make', '');
    const outcome = await clone.run({ python: [conda.bin] });
    expect(lastLine(outcome)).toContain('no C++ compiler was found');
  });

  const outOfSync = [
    'npm error code EUSAGE',
    'npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync.',
    'npm error Missing: esbuild@0.28.2 from lock file',
  ].join('\n');

  test.each([
    ['of files that nobody changed is put down to the npm', '', /run npx -y npm@10\.8\.2 start/],
    [
      'of a changed file asks to restore it',
      ' M package-lock.json',
      /Restore both \(git checkout package\.json/,
    ],
  ])('a refusal %s, and says what npm missed', async (_case, status, sentence) => {
    const clone = makeClone();
    npmFails(clone, outOfSync);
    clone.command('git', `console.log(${JSON.stringify(status)});`);
    const outcome = await clone.run({ python: [conda.bin] });
    expect(lastLine(outcome)).toContain('Missing: esbuild@0.28.2 from lock file');
    expect(lastLine(outcome)).toMatch(sentence);
  });

  const foreign = "throw new Error('compiled against NODE_MODULE_VERSION 999');";
  const putForeign = `fs.writeFileSync(root + '/node_modules/better-sqlite3/index.js', ${JSON.stringify(foreign)});`;

  test('of which better-sqlite3 is for another Node: it is built again, without the headers npm was set to', async () => {
    const clone = makeClone();
    clone.command(
      'npm',
      `${stubNpm} if (process.argv[2] === 'ci') { ${putForeign} }
       else fs.writeFileSync(root + '/rebuilt', JSON.stringify([process.argv.slice(2, 4), process.env.npm_config_nodedir]));`,
    );
    const outcome = await clone.run({ python: [conda.bin], env: { npm_config_nodedir: '/another' } });
    expect(outcome.code, outcome.output).toBe(0);
    expect(JSON.parse(clone.read('rebuilt'))).toEqual([['rebuild', 'better-sqlite3'], '']);
  });

  test('of which better-sqlite3 does not load in the end is a sentence, with no stamp and no stack', async () => {
    const clone = makeClone();
    clone.command('npm', `${stubNpm} ${putForeign}`);
    const outcome = await clone.run({ python: [conda.bin] });
    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toMatch(
      /does not load in this Node\.js .*NODE_MODULE_VERSION 999.*npm config delete nodedir/,
    );
    expect(outcome.output).not.toContain('    at ');
    expect(clone.has('node_modules/.msst-serve-stamp')).toBe(false);
  });

  test('is spared npm where HOME cannot be written: its cache then lies here', async () => {
    const clone = makeClone();
    clone.command('npm', `${stubNpm} fs.writeFileSync(root + '/cache', process.env.npm_config_cache ?? '');`);
    const outcome = await clone.run({ python: [conda.bin], env: { HOME: '/nowhere' } });
    expect(outcome.code, outcome.output).toBe(0);
    expect(clone.read('cache')).toBe(path.join(clone.root, '.setup', 'npm-cache'));
  });

  test('leaves no stamp: the next start installs them', async () => {
    const clone = makeClone();
    npmFails(clone, gypFailed);
    await clone.run({ python: [conda.bin] });
    clone.command('npm', stubNpm);
    const outcome = await clone.run({ python: [conda.bin] });
    expect(outcome.code, outcome.output).toBe(0);
  });
});

test('a full disk while an environment is made is a sentence with exit code 1', async () => {
  const clone = new Clone({ wheels });
  const description = {
    executable: path.join(clone.bin, 'python3'),
    version: [3, 12, 0],
    prefix: '/',
    can_make_venv: true,
  };
  clone.command(
    'python3',
    `if (process.argv[2] === '-m') { console.error('OSError: [Errno 28] No space left on device'); process.exitCode = 1; }
     else console.log(${JSON.stringify(JSON.stringify(description))});`,
  );
  const outcome = await clone.run();
  expect(outcome.code).toBe(1);
  expect(lastLine(outcome)).toContain('The disk is full');
  expect(clone.has('.venv')).toBe(false);
});

describe('two set-ups in one clone', () => {
  test('do the work once: the second one waits, says so, and finds it done', async () => {
    const clone = makeClone();
    holdNpm(clone);
    const first = clone.spawn({ python: [conda.bin] });
    const firstOutcome = outcomeOf(first);
    await said(first.stderr!, 'installing npm packages');
    const second = clone.spawn({ python: [conda.bin] });
    const secondOutcome = outcomeOf(second);
    await said(second.stderr!, `waiting for the set-up of process ${String(first.pid)}`);
    clone.write('go-on', '');

    expect((await firstOutcome).code).toBe(0);
    expect((await secondOutcome).code).toBe(0);
    expect(clone.runs).toEqual(['npm', 'tsc']);
  });

  test('wait for the npm of one that was killed, and for nothing after it', async () => {
    const clone = makeClone();
    holdNpm(clone);
    const killed = clone.spawn({ python: [conda.bin] });
    await vi.waitFor(() => expect(clone.has('npm-pid')).toBe(true));
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const second = clone.spawn({ python: [conda.bin] });
    const outcome = outcomeOf(second);
    await said(second.stderr!, 'waiting for the set-up');
    clone.write('go-on', '');
    expect((await outcome).code).toBe(0);
  });
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends set-up and the command it runs, with exit code %i', async (signal, code) => {
  const clone = makeClone();
  holdNpm(clone);
  const child = clone.spawn({ python: [conda.bin] });
  const outcome = outcomeOf(child);
  await said(child.stderr!, 'installing npm packages');
  await vi.waitFor(() => expect(clone.has('npm-pid')).toBe(true));
  child.kill(signal);

  expect((await outcome).code).toBe(code);
  expect(existsSync(`/proc/${clone.read('npm-pid')}`)).toBe(false);
  expect(clone.has('.setup/lock')).toBe(false);
});
