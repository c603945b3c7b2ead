import { describe, expect, test } from 'vitest';
import { readSubmissionForm } from '../../../src/http/submissionForm.ts';

const read = (fields: Record<string, string | string[]>) =>
  readSubmissionForm(new Map(Object.entries(fields).map(([name, value]) => [name, [value].flat()])));
const problemsOf = (fields: Record<string, string | string[]>) => read(fields).problems;

describe('a field of a submission', () => {
  test.each([
    [{ output_format: 'flac' }, { outputFormat: 'flac' }],
    [{ output_format: ' wav ' }, { outputFormat: 'wav' }],
    [{ pcm_type: 'PCM_16' }, { pcmType: 'PCM_16' }],
    [{ pcm_type: 'PCM_24' }, { pcmType: 'PCM_24' }],
    [{ pcm_type: 'FLOAT' }, { pcmType: 'FLOAT' }],
    [{ bigshifts: '16' }, { bigshifts: 16 }],
    [{ num_overlap: '12' }, { numOverlap: 12 }],
    [{ batch_size: ' 64' }, { batchSize: 64 }],
    [{ use_tta: ' Yes ' }, { useTta: true }],
    [{ extract_instrumental: '1' }, { extractInstrumental: true }],
  ])('%j is read as %j', (fields, options) => {
    expect(read(fields)).toMatchObject({ options, problems: [] });
  });

  test('that is empty, or absent, is as it is by default', () => {
    const options = {
      instruments: [],
      useTta: false,
      extractInstrumental: false,
      outputFormat: 'wav',
      pcmType: 'PCM_24',
      bigshifts: 1,
      numOverlap: null,
      batchSize: null,
    };
    expect(read({})).toEqual({ modelType: undefined, options, problems: [] });
    expect(read({ model_type: '', output_format: '', bigshifts: '' })).toEqual(read({}));
  });

  test.each([
    ['output_format', 'mp3', 'wav, flac'],
    ['pcm_type', 'pcm_24', 'PCM_16, PCM_24, FLOAT'],
    ['use_tta', 'perhaps', 'true, false, 1, 0, yes, no'],
  ])('%s: %s is refused with what is allowed', (name, received, allowed) => {
    expect(problemsOf({ [name]: received })).toEqual([
      { name, message: `${name} is "${received}"; allowed: ${allowed}.`, received, allowed },
    ]);
  });

  test('that is given twice is refused, and has no value', () => {
    expect(read({ model_type: ['a', 'b'] })).toMatchObject({
      modelType: undefined,
      problems: [{ name: 'model_type', message: 'model_type is given 2 times; once is allowed.' }],
    });
  });

  test('is shown to 80 characters, and a dot more where it is longer', () => {
    const shown = (length: number) => problemsOf({ use_tta: 'x'.repeat(length) })[0]?.received;
    expect([shown(80), shown(81)]).toEqual(['x'.repeat(80), `${'x'.repeat(80)}…`]);
  });
});

describe('a field that there is not', () => {
  const ALL =
    'file, model_type, instruments, use_tta, extract_instrumental, output_format, pcm_type, bigshifts, num_overlap, batch_size';

  test('is told with what was meant, or with all there are', () => {
    expect(problemsOf({ batchsize: '1', zzz: '1' })).toEqual([
      {
        name: 'batchsize',
        message: 'There is no field "batchsize". Did you mean "batch_size"?',
        allowed: ALL,
        did_you_mean: 'batch_size',
      },
      { name: 'zzz', message: `There is no field "zzz"; allowed: ${ALL}.`, allowed: ALL },
    ]);
  });
});

describe('the instruments', () => {
  test('may be names of 200 characters', () => {
    const name = 'n'.repeat(200);
    expect(read({ instruments: name })).toMatchObject({ options: { instruments: [name] }, problems: [] });
  });

  test.each([
    [
      '[drums',
      {
        message: 'instruments begins with "[" but is no JSON list of names.',
        received: '[drums',
        allowed: 'names separated by commas, or a JSON list of names',
      },
    ],
    [
      'x,'.repeat(200) + 'x',
      {
        message: 'instruments holds too many names; allowed: at most 200 names.',
        allowed: 'at most 200 names',
      },
    ],
    [
      'n'.repeat(201),
      {
        message: 'instruments holds a name of 201 characters; allowed: names of at most 200 characters.',
        received: `${'n'.repeat(80)}…`,
        allowed: 'names of at most 200 characters',
      },
    ],
  ])('that cannot be read are none, and are told: %s', (instruments, problem) => {
    expect(read({ instruments })).toMatchObject({
      options: { instruments: [] },
      problems: [{ name: 'instruments', ...problem }],
    });
  });
});
