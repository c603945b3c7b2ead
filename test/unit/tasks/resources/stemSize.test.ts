import { expect, test } from 'vitest';
import { stemBytes } from '../../../../src/tasks/resources/stemSize.ts';

test.each([
  ['PCM_16', 2],
  ['PCM_24', 3],
  ['FLOAT', 4],
] as const)('stems of %s take %d bytes for each of their stereo samples', (pcmType, bytes) => {
  const size = { durationSeconds: 2.5, sampleRate: 48_000, stems: 3, pcmType };
  expect(stemBytes(size)).toBe(2.5 * 48_000 * 2 * 3 * bytes);
});
