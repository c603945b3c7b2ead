/** What is said of a compilation that began and failed: that a ready binary could not be fetched is not the reason. */
import path from 'node:path';
import { expect, test } from 'vitest';

interface Module {
  npmProblem(setting: object, outcome: { code: number; output: string }): Promise<string>;
}

const file = path.resolve(import.meta.dirname, '..', '..', 'setup', 'npmProblem.mjs');
const { npmProblem } = (await import(file)) as Module;

const COMPILED_IN_VAIN = [
  'npm error prebuild-install warn install getaddrinfo ENOTFOUND github.com',
  'npm error /bin/sh: 1: Syntax error: Unterminated quoted string',
  'npm error gyp ERR! build error',
  'npm error gyp ERR! stack Error: `make` failed with exit code: 2',
].join('\n');

function problemIn(root: string): Promise<string> {
  // A compiler that is there, as `make` is.
  const setting = { root, env: { ...process.env, CXX: process.execPath } };
  return npmProblem(setting, { code: 1, output: COMPILED_IN_VAIN });
}

test.each(["'", '"', '$', '`', '\\', '(', '&', ';', '*'])(
  'in a folder with %s in its path, it asks to move the folder',
  async (odd) => {
    expect(await problemIn(`/home/me/a${odd}b`)).toMatch(
      `better-sqlite3 could not be compiled in a folder whose path contains ${odd}. Move this folder`,
    );
  },
);

test.each(['/home/me/msst-serve', '/home/me/my songs', '/home/日本/ünï'])(
  'in %s, it asks for another compiler and not for a network',
  async (root) => {
    const problem = await problemIn(root);
    expect(problem).toContain('Check that the C++ compiler works');
    expect(problem).not.toContain('network');
  },
);
