import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

/** What Node 20.20 brings, the last of line 10 (Node 22), and a line 11 (Node 24). */
export const npmVersions = ['10.8.2', '10.9.9', '11.21.2'] as const;

/** How a command ended, with all it printed. */
export interface Ended {
  code: number;
  output: string;
}

/**
 * Fetches an npm of this version from the registry, or from npm's cache, into `folder`.
 *
 * @returns its `npm-cli.js`; or, where it cannot be had, a sentence that says why
 */
export async function fetchNpm(version: string, folder: string): Promise<{ cli: string } | { why: string }> {
  mkdirSync(folder, { recursive: true });
  const quiet = [
    '--loglevel=warn',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--no-save',
    '--fetch-retries=1',
  ];
  const args = ['install', '--prefix', folder, ...quiet, '--prefer-offline', `npm@${version}`];
  const { code, output } = await ended('npm', args, folder);
  if (code === 0) return { cli: path.join(folder, 'node_modules', 'npm', 'bin', 'npm-cli.js') };
  const said = output.split('\n').find((line) => /error/i.test(line)) ?? `it ended with code ${String(code)}`;
  return { why: `npm ${version} cannot be fetched from the package registry: ${said}` };
}

/** Runs a command to its end, without what an npm that started us tells its children about this project. */
export function ended(command: string, args: string[], cwd: string): Promise<Ended> {
  const ofOuterNpm = /^npm_(package|lifecycle|command|execpath|config_(local|global)_prefix)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofOuterNpm.test(name)));
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}${error === null ? '' : error.message}` });
    });
  });
}
