import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLines } from '../../../../src/workers/process/stderrLines.ts';

async function linesOf(chunks: readonly Buffer[]): Promise<string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  readLines(stream, (line) => lines.push(line));
  const end = once(stream, 'end');
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await end;
  return lines;
}

test('a carriage return ends a line as a newline does, and empty lines are none', async () => {
  expect(await linesOf([Buffer.from(' 10%\r 20%\r\n\n\ndone\nrest')])).toEqual([
    ' 10%',
    ' 20%',
    'done',
    'rest',
  ]);
});

test('every line arrives as it was, however the bytes are cut', async () => {
  const line = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .map((text) => text.replace(/[\r\n]/g, '_'));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n', '\n\n')), { maxLength: 20 }),
      fc.array(fc.nat({ max: 800 }), { maxLength: 20 }),
      async (lines, cuts) => {
        const bytes = Buffer.from(lines.flat().join(''));
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        expect(await linesOf(chunks)).toEqual(lines.map(([text]) => text));
      },
    ),
    { numRuns: 100 },
  );
});

test('a flood without a newline is cut: no line is longer than 64 KiB, and what follows is read as ever', async () => {
  const flood = Array.from({ length: 40 }, () => Buffer.alloc(50_000, 'x'));
  const lines = await linesOf([...flood, Buffer.from('\nafter\n')]);
  // While the flood goes on: what has no end yet is not kept.
  expect(lines.length).toBeGreaterThan(10);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(64 * 1024);
  expect(lines.at(-1)).toBe('after');
});

test('a pipe that breaks is no error of the reader', async () => {
  const stream = new PassThrough();
  readLines(stream, () => undefined);
  const closed = once(stream, 'close').catch(() => undefined);
  stream.destroy(new Error('EPIPE'));
  await closed;
  expect(stream.destroyed).toBe(true);
});
