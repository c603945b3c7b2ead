import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolder, removeFolders } from './clone.ts';
import { fetchNpm } from './npmVersions.ts';

// Packages are fetched, better-sqlite3 is compiled, the server built: minutes, more of them on a busy machine.
const timeout = 20 * 60_000;
const projectRoot = path.resolve(import.meta.dirname, '..', '..');

afterAll(removeFolders);

/** What git would clone, with nothing installed. */
function cloneProject(target: string): void {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  for (const name of list.split('\0').filter((file) => file !== '')) {
    mkdirSync(path.dirname(path.join(target, name)), { recursive: true });
    cpSync(path.join(projectRoot, name), path.join(target, name));
  }
}

test(
  'npm 10.8.2 sets a bare clone up and starts it, whatever npm is told of scripts, dev packages and HOME',
  { timeout },
  async ({ skip }) => {
    const python = process.env['MSST_SERVE_TEST_PYTHON'];
    if (python === undefined) skip('MSST_SERVE_TEST_PYTHON names no Python that runs MSST');
    const npm = await fetchNpm('10.8.2', path.join(makeFolder(), 'npm'));
    if ('why' in npm) return skip(npm.why);
    const root = path.join(makeFolder(), 'clone');
    cloneProject(root);
    const { HOME: _home, ...rest } = process.env;
    const env = Object.fromEntries(Object.entries(rest).filter(([name]) => !/^(npm_|MSST_)/.test(name)));
    const server = spawn(
      process.execPath,
      [npm.cli, 'start', '--', '--port', '0', '--data-dir', makeFolder()],
      {
        cwd: root,
        env: {
          ...env,
          NODE_ENV: 'production',
          npm_config_ignore_scripts: 'true',
          npm_config_omit: 'dev',
          MSST_SERVE_PYTHON: python,
          // better-sqlite3 compiles in a tenth of the time.
          ...{ CFLAGS: '-O0', CXXFLAGS: '-O0' },
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const ended = once(server, 'exit');
    let output = '';
    const url = await new Promise<string>((resolve, reject) => {
      const listen = (bytes: Buffer): void => {
        output += bytes.toString();
        const found = /"url":"(http:[^"]+)"|(http:\/\/127\.0\.0\.1:\d+)/.exec(output);
        if (found) resolve(found[1] ?? found[2] ?? '');
      };
      server.stdout.on('data', listen);
      server.stderr.on('data', listen);
      server.on('exit', () => reject(new Error(`it ended: ${output}`)));
    });
    try {
      const health = await fetch(`${url}/api/v1/health`);
      expect(await health.json()).toMatchObject({ dependencies: { database: { status: 'ok' } } });
    } finally {
      server.kill('SIGTERM');
      await ended;
    }
  },
);
