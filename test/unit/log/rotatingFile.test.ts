import type * as nodeFs from 'node:fs';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest';
import { FileNotWritable, RotatingFile } from '../../../src/log/rotatingFile.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

/** While set, no file can be opened, or renamed to a name that ends so. */
const refused = vi.hoisted(() => ({ open: '', renameTo: '' }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof nodeFs>();
  return {
    ...fs,
    openSync(...given: Parameters<typeof fs.openSync>) {
      if (refused.open !== '') throw Object.assign(new Error(refused.open), { code: refused.open });
      return fs.openSync(...given);
    },
    renameSync(from: string, to: string) {
      if (refused.renameTo !== '' && to.endsWith(refused.renameTo)) throw new Error('EACCES');
      fs.renameSync(from, to);
    },
  };
});
beforeEach(() => Object.assign(refused, { open: '', renameTo: '' }));

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

  test('whose older files cannot be moved, is told once and grows to twice its size and no further', async () => {
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
    expect(await numbersIn(options.path)).toEqual([0, 1, 2, 3]);
  });
});

describe('a full file that cannot be begun anew', () => {
  let told: MockInstance;
  beforeEach(() => {
    told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    vi.useFakeTimers({ toFake: ['performance'] });
    return () => {
      vi.useRealTimers();
      told.mockRestore();
    };
  });
  const linesFrom = (file: RotatingFile, from: number, to: number) => {
    for (let n = from; n < to; n += 1) file.write(line(n));
  };
  const openFull = async () => {
    const options = { path: path.join(await temporaryFolder(), 'server.log'), maxBytes: 30, maxFiles: 4 };
    const file = new RotatingFile(options);
    linesFrom(file, 0, 9);
    return { file, at: options.path, folder: path.dirname(options.path) };
  };

  test.each(['EMFILE', 'ENOSPC', 'EACCES', 'EROFS'])(
    'for %s goes on, moves nothing, loses nothing, and is begun anew when it can be',
    async (code) => {
      const { file, at, folder } = await openFull();
      refused.open = code;
      linesFrom(file, 9, 12);
      refused.open = '';
      // Too soon to try again.
      expect(await readdir(folder)).toHaveLength(3);
      vi.advanceTimersByTime(1_000);
      linesFrom(file, 12, 13);
      file.close();
      expect(told).toHaveBeenCalledTimes(1);
      expect(await numbersIn(at)).toEqual([12]);
      expect(await numbersIn(`${at}.1`)).toEqual([6, 7, 8, 9, 10, 11]);
      expect(await numbersIn(`${at}.2`)).toEqual([3, 4, 5]);
      expect(await numbersIn(`${at}.3`)).toEqual([0, 1, 2]);
    },
  );

  test('because it cannot be moved shifts no older file away, however often it is tried', async () => {
    const { file, at, folder } = await openFull();
    refused.renameTo = 'server.log.1';
    for (let n = 9; n < 12; n += 1) {
      linesFrom(file, n, n + 1);
      vi.advanceTimersByTime(60_000);
    }
    refused.renameTo = '';
    linesFrom(file, 12, 13);
    file.close();
    expect((await readdir(folder)).sort()).toEqual([
      'server.log',
      'server.log.1',
      'server.log.2',
      'server.log.3',
    ]);
    expect(await numbersIn(`${at}.1`)).toEqual([6, 7, 8, 9, 10, 11]);
    expect([await numbersIn(`${at}.2`), await numbersIn(`${at}.3`)]).toEqual([
      [3, 4, 5],
      [0, 1, 2],
    ]);
  });
});
