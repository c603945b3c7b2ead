import fc from 'fast-check';
import { expect, test } from 'vitest';
import { requireSameRequest } from '../../../src/service/sameRequest.ts';
import { runningTask } from '../../support/newTask.ts';

const task = runningTask();
const same = { sha256: task.mixture.sha256, modelType: task.modelType, options: task.options };
const code = (again: typeof same) => {
  try {
    return requireSameRequest(task, again) === task ? 'the task' : 'another';
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

test('a submission that comes again is the same by its file, its model and every option, and by nothing less', () => {
  expect(code(structuredClone(same))).toBe('the task');
  expect(code({ ...same, sha256: 'cd'.repeat(32) })).toBe('IDEMPOTENCY_KEY_REUSED');
  expect(code({ ...same, modelType: 'another' })).toBe('IDEMPOTENCY_KEY_REUSED');
  const changed = {
    instruments: ['drums'],
    useTta: true,
    extractInstrumental: true,
    outputFormat: 'flac',
    pcmType: 'PCM_16',
    bigshifts: 2,
    numOverlap: 2,
    batchSize: 2,
  } as const;
  expect(Object.keys(changed).sort()).toEqual(Object.keys(task.options).sort());
  const some = fc.subarray(Object.entries(changed), { minLength: 1 });
  fc.assert(
    fc.property(some, (entries) => {
      const options = { ...task.options, ...Object.fromEntries(entries) };
      expect(code({ ...same, options })).toBe('IDEMPOTENCY_KEY_REUSED');
    }),
  );
});
