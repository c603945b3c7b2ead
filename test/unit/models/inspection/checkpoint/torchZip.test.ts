import type { FileHandle } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { findZipProblem } from '../../../../../src/models/inspection/checkpoint/torchZip.ts';
import { makeZip } from '../../modelFolder.ts';

test('a directory of tens of thousands of files leaves the event loop to others', async () => {
  const names = Array.from({ length: 60_000 }, (_, index) => `data/${String(index)}`);
  const zip = makeZip([...names, 'data.pkl'], '');
  // Answers at once: whoever has a turn meanwhile was given it.
  const read = (buffer: Buffer, offset: number, length: number, position: number) =>
    Promise.resolve({ buffer, bytesRead: zip.copy(buffer, offset, position, position + length) });
  let turns = 0;
  const count = () => {
    turns += 1;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  expect(await findZipProblem({ read } as unknown as FileHandle, zip.length)).toBeNull();
  clearImmediate(counting);
  expect(turns).toBeGreaterThan(4);
});
