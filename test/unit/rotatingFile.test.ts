import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { FileNotWritable, RotatingFile } from '../../src/rotatingFile.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const line = (n: number) => `${String(n).padStart(9, '0')}\n`;

/** Opens one, writes the numbers of a range as lines of ten bytes, and closes it. */
function writeLines(options: { path: string; maxBytes: number; maxFiles: number }, from: number, to: number) {
  const file = new RotatingFile(options);
  for (let n = from; n < to; n += 1) file.write(line(n));
  file.close();
}

async function numbersIn(file: string): Promise<number[]> {
  return (await readFile(file, 'utf8')).trimEnd().split('\n').map(Number);
}

describe('a full file', () => {
  test('is begun anew, and of all files only so many newest stay, none above its size, no line cut or lost', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'server.log');
    writeLines({ path: file, maxBytes: 100, maxFiles: 3 }, 0, 105);
    expect((await readdir(folder)).sort()).toEqual(['server.log', 'server.log.1', 'server.log.2']);
    const kept: number[] = [];
    for (const name of ['server.log.2', 'server.log.1', 'server.log']) {
      expect((await stat(path.join(folder, name))).size).toBeLessThanOrEqual(100);
      kept.push(...(await numbersIn(path.join(folder, name))));
    }
    expect(kept).toEqual(Array.from({ length: 25 }, (_, n) => 80 + n));
  });

  test('takes of several lines at once as many as fit, and cuts none', async () => {
    const file = path.join(await temporaryFolder(), 'server.log');
    const several = new RotatingFile({ path: file, maxBytes: 30, maxFiles: 2 });
    several.write(line(1));
    several.write(line(2) + line(3) + line(4));
    several.close();
    expect([await numbersIn(`${file}.1`), await numbersIn(file)]).toEqual([[1, 2, 3], [4]]);
  });

  test('is emptied where only one may be', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'server.log');
    writeLines({ path: file, maxBytes: 50, maxFiles: 1 }, 0, 13);
    expect(await readdir(folder)).toEqual(['server.log']);
    expect(await numbersIn(file)).toEqual([10, 11, 12]);
  });

  test('takes a line that is longer than a whole file', async () => {
    const folder = await temporaryFolder();
    const file = new RotatingFile({ path: path.join(folder, 'server.log'), maxBytes: 10, maxFiles: 2 });
    const long = `${'x'.repeat(500)}\n`;
    file.write('short\n');
    file.write(long);
    file.write('after\n');
    file.close();
    expect(await readFile(path.join(folder, 'server.log.1'), 'utf8')).toBe(long);
    expect(await readFile(path.join(folder, 'server.log'), 'utf8')).toBe('after\n');
  });
});

describe('a second start', () => {
  test('appends, and counts what was there', async () => {
    const folder = await temporaryFolder();
    const options = { path: path.join(folder, 'server.log'), maxBytes: 100, maxFiles: 2 };
    writeLines(options, 0, 6);
    writeLines(options, 6, 12);
    expect(await numbersIn(`${options.path}.1`)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await numbersIn(options.path)).toEqual([10, 11]);
  });

  test('with fewer files removes the surplus, and nothing that is not its own', async () => {
    const folder = await temporaryFolder();
    const options = { path: path.join(folder, 'server.log'), maxBytes: 20, maxFiles: 6 };
    writeLines(options, 0, 20);
    const others = ['server.log.9x', 'server.log.old', 'server.log2', 'other.log.9'];
    for (const name of others) await writeFile(path.join(folder, name), '');
    writeLines({ ...options, maxFiles: 2 }, 20, 21);
    expect((await readdir(folder)).sort()).toEqual([...others, 'server.log', 'server.log.1'].sort());
  });
});

describe('a file that cannot be written', () => {
  test('is refused at the start with a sentence that names it', async () => {
    const folder = await temporaryFolder();
    const taken = path.join(folder, 'server.log');
    await mkdir(taken);
    const open = () => new RotatingFile({ path: taken, maxBytes: 10, maxFiles: 2 });
    expect(open).toThrow(FileNotWritable);
    expect(open).toThrow(`The log file ${taken} cannot be written (EISDIR).`);
    await writeFile(path.join(folder, 'file'), '');
    expect(
      () => new RotatingFile({ path: path.join(folder, 'file/server.log'), maxBytes: 10, maxFiles: 2 }),
    ).toThrow(/cannot be written \((ENOTDIR|EEXIST)\)\.$/);
  });

  test('later, as on a full disk, loses lines, says so once, and throws nothing', async () => {
    const folder = await temporaryFolder();
    const full = path.join(folder, 'server.log');
    await symlink('/dev/full', full);
    const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      const file = new RotatingFile({ path: full, maxBytes: 1000, maxFiles: 2 });
      file.write(line(1));
      file.write(line(2));
      file.close();
      expect(told).toHaveBeenCalledTimes(1);
      expect(told.mock.calls[0]?.[0]).toContain('ENOSPC');
    } finally {
      told.mockRestore();
    }
  });

  test('whose older files cannot be moved, is told once and does not grow', async () => {
    const folder = await temporaryFolder();
    const options = { path: path.join(folder, 'server.log'), maxBytes: 20, maxFiles: 2 };
    await mkdir(`${options.path}.1`);
    const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      writeLines(options, 0, 6);
      expect(told).toHaveBeenCalledTimes(1);
    } finally {
      told.mockRestore();
    }
    expect(await numbersIn(options.path)).toEqual([0, 1]);
  });
});
