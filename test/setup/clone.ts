import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const projectRoot = path.resolve(import.meta.dirname, '..', '..');

/** How a set-up ended, and all it printed. */
export interface Outcome {
  code: number | null;
  output: string;
  /** What the stand-in server was started with; null when set-up did not come to that. */
  server: { argv: string[]; engine: string; media: string; needs?: string; options?: string } | null;
}

/** The interpreter below the one that runs the tests: a plain installation, no venv. */
export const basePython = execFileSync(
  process.env['MSST_SERVE_TEST_PYTHON'] ?? 'python3',
  ['-c', 'import sys; print(sys._base_executable)'],
  { encoding: 'utf8' },
).trim();

const folders: string[] = [];

/** An empty folder that `removeFolders` deletes. */
export function makeFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'msst-serve-setup-'));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/**
 * A clone of the project with the real set-up, and stand-ins for what takes minutes: `npm` and `tsc` count
 * their runs, the packages are empty, the server prints what it was given.
 */
export class Clone {
  readonly root = makeFolder();
  /** The only folder on PATH beside those that `run` is given. */
  readonly bin = makeFolder();
  readonly env: Record<string, string>;

  constructor({ wheels }: { wheels: string }) {
    cpSync(path.join(projectRoot, 'setup'), path.join(this.root, 'setup'), { recursive: true });
    this.write('package.json', '{"type": "module"}');
    this.write('package-lock.json', '{}');
    this.write('src/main.ts', '');
    this.write('setup/media-requirements.txt', 'av==1.0\n');
    this.write('setup/sndfile-requirements.txt', '');
    this.write(
      'setup/engine-requirements.txt',
      'torch==2.13.0  # import torch\nnumpy>=1  # import numpy\nlibrosa  # import librosa\n',
    );
    this.write(
      'setup/architecture-requirements.txt',
      'demucs==4.1  # import demucs\ntorchaudio==2.11.1  # import torchaudio\n',
    );
    this.write('setup/checkout-requirements.txt', 'wandb  # import wandb\n');
    this.write('inference.py', 'import librosa, msst\n');
    this.write('python_worker/__init__.py', '');
    cpSync(
      path.join(import.meta.dirname, 'fake_check.py'),
      path.join(this.root, 'python_worker/__main__.py'),
    );
    this.command('npm', stubNpm);
    this.env = {
      HOME: this.root,
      PIP_CONFIG_FILE: '/dev/null',
      PIP_NO_INDEX: '1',
      PIP_FIND_LINKS: wheels,
      PYTHONNOUSERSITE: '1',
    };
  }

  /** Writes a file of the clone, with the folders above it. */
  write(name: string, text: string): void {
    const file = path.join(this.root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Puts a command on the clone's PATH; `script` is JavaScript that sees the clone's folder as `root`. */
  command(name: string, script: string): void {
    const file = path.join(this.bin, name);
    const head = `#!${process.execPath}\nconst fs = require('fs'); const root = ${JSON.stringify(this.root)};\n`;
    writeFileSync(file, head + script);
    chmodSync(file, 0o755);
  }

  /** Uses the media environment of another clone, so that only one test has to make it. */
  shareMedia(other: Clone): void {
    symlinkSync(path.join(other.root, '.venv'), path.join(this.root, '.venv'));
  }

  /** How often npm, tsc and the like ran in this clone, in order. */
  get runs(): string[] {
    const file = path.join(this.root, 'runs');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  has(name: string): boolean {
    return existsSync(path.join(this.root, name));
  }

  read(name: string): string {
    return readFileSync(path.join(this.root, name), 'utf8');
  }

  /** The top-level modules in an environment of the clone itself, without those it sees elsewhere. */
  packagesOf(venv: string): string[] {
    const lib = path.join(this.root, venv, 'lib');
    return readdirSync(lib).flatMap((version) => readdirSync(path.join(lib, version, 'site-packages')));
  }

  /** Starts `setup/run.mjs` as `npm start -- …args` does; `python` folders come first on PATH. */
  spawn({ args = ['start'], env = {}, python = [] }: RunOptions = {}): ChildProcess {
    return spawn(process.execPath, [path.join(this.root, 'setup', 'run.mjs'), ...args], {
      cwd: this.root,
      env: { ...this.env, ...env, PATH: [...python, this.bin].join(':') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async run(options: RunOptions = {}): Promise<Outcome> {
    return outcomeOf(this.spawn(options));
  }
}

interface RunOptions {
  args?: string[];
  env?: Record<string, string>;
  python?: string[];
}

/** Waits for a set-up to end. */
export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve) => {
    let output = '';
    child.stdout?.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.stderr?.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.on('close', (code) => {
      const served = /^SERVER (.*)$/m.exec(output)?.[1];
      resolve({ code, output, server: served === undefined ? null : JSON.parse(served) });
    });
  });
}

/** The line with which a set-up gave up. */
export function lastLine({ output }: Outcome): string {
  return output.trim().split('\n').at(-1) ?? '';
}

/** A virtual environment without pip; `packages` are `name==version` and become importable modules. */
export function makePython(packages: string[] = []): { prefix: string; bin: string; sitePackages: string } {
  const prefix = path.join(makeFolder(), 'env');
  execFileSync(basePython, ['-m', 'venv', '--without-pip', prefix]);
  const version = readdirSync(path.join(prefix, 'lib')).find((name) => name.startsWith('python'))!;
  const sitePackages = path.join(prefix, 'lib', version, 'site-packages');
  for (const one of packages) putPackage(sitePackages, one);
  return { prefix, bin: path.join(prefix, 'bin'), sitePackages };
}

/** Puts an importable module with its metadata into a folder, as pip would. */
export function putPackage(folder: string, distribution: string): void {
  const [name, version] = distribution.split('==') as [string, string];
  mkdirSync(path.join(folder, name), { recursive: true });
  mkdirSync(path.join(folder, `${name}-${version}.dist-info`));
  writeFileSync(path.join(folder, name, '__init__.py'), `__version__ = '${version}'\n`);
  writeFileSync(
    path.join(folder, `${name}-${version}.dist-info`, 'METADATA'),
    `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
  );
}

/** @param specs as make_wheels.py takes them */
export function makeWheels(...specs: string[]): string {
  const folder = makeFolder();
  execFileSync(basePython, [path.join(import.meta.dirname, 'make_wheels.py'), folder, ...specs]);
  return folder;
}

/** A hash of the names and the contents of all files below a folder. */
export function hashFolder(folder: string): string {
  const hash = createHash('sha256');
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of files.sort()) hash.update(file).update(readFileSync(file));
  return hash.digest('hex');
}

/** What `import module` finds: its version, and the file it comes from. Leaves no compiled file there. */
export function importIn(python: string, module: string): { version: string; file: string } {
  const script = `import json, ${module} as m; print(json.dumps({"version": m.__version__, "file": m.__file__}))`;
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  return JSON.parse(execFileSync(python, ['-c', script], { encoding: 'utf8', stdio: 'pipe', env }));
}

const stubServer = `
export {};
const { MSST_SERVE_INTERNAL_ENGINE_PYTHON: engine, MSST_SERVE_INTERNAL_MEDIA_PYTHON: media, MSST_SERVE_INTERNAL_NEEDS: needs, MSST_SERVE_INTERNAL_OPTIONS: options } = process.env;
console.log('SERVER ' + JSON.stringify({ argv: process.argv.slice(2), engine, media, needs, options }));
`;

const stubSetupKeys = `
export const setupKeys = (argv, env) => env.TEST_CONFIG === 'wrong' ? null : ({
  python: env.TEST_PYTHON_KEY ?? null,
  msstRoot: env.TEST_MSST_ROOT ?? null,
  extras: (env.TEST_ENGINE_EXTRAS ?? '').split(' ').filter(Boolean),
});
`;

const stubCompiler = `
const fs = require('fs');
fs.appendFileSync('runs', 'tsc\\n');
fs.mkdirSync('dist', { recursive: true });
fs.writeFileSync('dist/main.js', ${JSON.stringify(stubServer)});
fs.writeFileSync('dist/setupKeys.js', ${JSON.stringify(stubSetupKeys)});
`;

const stubBundler = `
const fs = require('fs'), path = require('path');
exports.build = async ({ entryPoints, outdir }) => {
  fs.mkdirSync(outdir, { recursive: true });
  for (const entry of entryPoints) fs.copyFileSync(entry, path.join(outdir, path.basename(entry)));
};
`;

/** Counts its run and puts the stand-ins of compiler and bundler where npm would put the real ones. */
export const stubNpm = `
fs.appendFileSync(root + '/runs', 'npm\\n');
fs.mkdirSync(root + '/node_modules/typescript/bin', { recursive: true });
fs.writeFileSync(root + '/node_modules/typescript/bin/tsc', ${JSON.stringify(stubCompiler)});
fs.mkdirSync(root + '/node_modules/better-sqlite3', { recursive: true });
fs.writeFileSync(root + '/node_modules/better-sqlite3/index.js', 'module.exports = class { close() {} };');
fs.mkdirSync(root + '/node_modules/esbuild', { recursive: true });
fs.writeFileSync(root + '/node_modules/esbuild/index.js', ${JSON.stringify(stubBundler)});
`;
