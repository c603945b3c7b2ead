/** A checkout that prints without end must cost the set-up neither its memory nor its disk, nor a sentence that nobody can read. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolder, removeFolders } from './clone.ts';

afterAll(removeFolders);

const projectRoot = path.resolve(import.meta.dirname, '../..');
const FLOOD_BYTES = 96_000_000;

interface Told {
  code: number;
  output: number;
  hasReason: boolean;
  longest: number;
  lines: number;
  megabytes: number;
}

/** Runs a command by the set-up's own runner, in a process of its own. */
function runFlood(flood: string, log: string): Told {
  const script = `
    const { createRunner } = await import(${JSON.stringify(path.join(projectRoot, 'setup/runCommand.mjs'))});
    const { run } = createRunner({ cwd: process.cwd(), env: process.env, onSpawn() {} });
    let longest = 0, lines = 0;
    const onLine = (line) => { lines += 1; longest = Math.max(longest, line.length); };
    const { code, output } = await run(process.execPath, ['-e', ${JSON.stringify(flood)}], { log: ${JSON.stringify(log)}, onLine });
    const megabytes = process.resourceUsage().maxRSS / 1000;
    console.log(JSON.stringify({ code, output: output.length, hasReason: output.includes('\\nthe reason\\n'), longest, lines, megabytes }));`;
  const args = ['--input-type=module', '-e', script];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Told;
}

/** A program that writes so much to both of its outputs, and then says why it ends. */
const floodOf = (piece: string) => `
  const fs = require('fs'), piece = Buffer.from(${piece});
  const write = (fd) => { for (let at = 0; at < piece.length; ) { try { at += fs.writeSync(fd, piece, at); } catch (e) { if (e.code !== 'EAGAIN') throw e; } } };
  for (let sent = 0; sent < ${String(FLOOD_BYTES)}; sent += 2 * piece.length) { write(1); write(2); }
  fs.writeSync(2, '\\nthe reason\\n'); process.exitCode = 3;`;

test.each([
  ['one line without an end', "'x'.repeat(1 << 16)"],
  ['many lines', "('x'.repeat(99) + '\\\\n').repeat(600)"],
])(
  'what a command prints is kept by its end, its log by its begin, also %s',
  (_, piece) => {
    const log = path.join(makeFolder(), 'flood.log');
    const told = runFlood(floodOf(piece), log);
    expect(told).toMatchObject({ code: 3, output: 4_000_000, hasReason: true });
    expect(told.longest).toBeLessThanOrEqual(64 * 1024);
    expect(told.lines).toBeGreaterThan(1);
    // Node itself takes some 60 MB, what is kept three times 8 MB, and the rest is not yet collected.
    expect(told.megabytes).toBeLessThan(350);
    expect(statSync(log).size).toBeLessThan(50_200_000);
  },
  120_000,
);

test('a checkout that prints a line without end at its import, and fails, is told in a sentence that can be read', async () => {
  const folder = makeFolder();
  const python = path.join(folder, 'python');
  mkdirSync(path.dirname(python), { recursive: true });
  writeFileSync(
    python,
    `#!${process.execPath}\nrequire('fs').writeSync(2, 'x'.repeat(100_000)); process.exitCode = 1;\n`,
    { mode: 0o755 },
  );
  const { checkEngine } = (await import(path.join(projectRoot, 'setup/engineCheck.mjs'))) as {
    checkEngine: (setting: object, python: string, root: string) => Promise<{ ok: boolean; error: string }>;
  };
  const { createRunner } = (await import(path.join(projectRoot, 'setup/runCommand.mjs'))) as {
    createRunner: (defaults: object) => { run: unknown };
  };
  const { run } = createRunner({ cwd: folder, env: process.env, onSpawn: () => undefined });
  const setting = { root: folder, env: process.env, run };
  const { ok, error } = await checkEngine(setting, python, folder);
  expect([ok, error]).toEqual([false, `…${'x'.repeat(500)}`]);
}, 60_000);
