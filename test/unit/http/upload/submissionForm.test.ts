import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSubmissionForm } from '../../../../src/http/upload/submissionForm.ts';

const read = (fields: Record<string, string | string[]>) =>
  readSubmissionForm(new Map(Object.entries(fields).map(([name, value]) => [name, [value].flat()])));

test('an empty form means the defaults', () => {
  expect(read({})).toEqual({
    modelType: undefined,
    options: {
      instruments: [],
      useTta: false,
      extractInstrumental: false,
      outputFormat: 'wav',
      pcmType: 'PCM_24',
      bigshifts: 1,
      numOverlap: null,
      batchSize: null,
    },
    problems: [],
  });
});

test('an empty value counts as absent, in every field', () => {
  const names = [
    'model_type',
    'instruments',
    'use_tta',
    'extract_instrumental',
    'output_format',
    'pcm_type',
    'bigshifts',
    'num_overlap',
    'batch_size',
  ];
  expect(read(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(read({}));
});

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

  test.each([
    ['output_format', 'mp3', 'wav, flac'],
    ['pcm_type', 'pcm_24', 'PCM_16, PCM_24, FLOAT'],
    ['use_tta', 'perhaps', 'true, false, 1, 0, yes, no'],
  ])('%s: %s is refused with what is allowed', (name, received, allowed) => {
    expect(read({ [name]: received }).problems).toEqual([
      { name, message: `${name} is "${received}"; allowed: ${allowed}.`, received, allowed },
    ]);
  });

  test('is shown to 80 characters, and a dot more where it is longer', () => {
    const shown = (length: number) => read({ use_tta: 'x'.repeat(length) }).problems[0]?.received;
    expect([shown(80), shown(81)]).toEqual(['x'.repeat(80), `${'x'.repeat(80)}…`]);
  });
});

describe('a field that there is not', () => {
  const ALL =
    'file, model_type, instruments, use_tta, extract_instrumental, output_format, pcm_type, bigshifts, num_overlap, batch_size';

  test('is told with what was meant, or with all there are', () => {
    expect(read({ batchsize: '1', zzz: '1' }).problems).toEqual([
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
        message: 'instruments begins with "[" but is not a JSON list of names.',
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

describe('booleans', () => {
  test.each([
    ['true', true],
    ['TRUE', true],
    ['Yes', true],
    ['1', true],
    ['false', false],
    ['False', false],
    ['NO', false],
    ['0', false],
  ])('%j is %s', (value, expected) => {
    const form = read({ use_tta: value, extract_instrumental: value });
    expect(form.problems).toEqual([]);
    expect(form.options).toMatchObject({ useTta: expected, extractInstrumental: expected });
  });

  test.each(['2', 'on', 'truee', '-', 'null'])('%j is refused with what is allowed', (value) => {
    expect(read({ use_tta: value }).problems).toEqual([
      {
        name: 'use_tta',
        message: `use_tta is "${value}"; allowed: true, false, 1, 0, yes, no.`,
        received: value,
        allowed: 'true, false, 1, 0, yes, no',
      },
    ]);
  });
});

describe('instruments', () => {
  test.each([
    ['a comma list', 'drums, bass,,other', ['drums', 'bass', 'other']],
    ['a JSON list', '["drums","bass"]', ['drums', 'bass']],
    ['repeated fields', ['drums', 'bass'], ['drums', 'bass']],
    ['all of them at once', ['drums,bass', ' ["other"]'], ['drums', 'bass', 'other']],
    ['a JSON list of names with commas', '["a, b"]', ['a, b']],
    ['an empty JSON list', '[]', []],
    ['nothing but commas', ',,', []],
  ])('may be %s', (_what, value, expected) => {
    const form = read({ instruments: value });
    expect(form.problems).toEqual([]);
    expect(form.options.instruments).toEqual(expected);
  });

  test.each(['["drums"', '[1]', '[["drums"]]', '[drums]', '[null]', '['.repeat(30_000)])(
    '%.20s is no list of names',
    (value) => {
      expect(read({ instruments: value }).problems).toMatchObject([{ name: 'instruments' }]);
    },
  );
});

describe('more instruments than any model has', () => {
  const many = Array.from({ length: 201 }, (_, i) => `stem ${String(i)}`);

  test.each([
    ['in a comma list', many.join(',')],
    ['in a JSON list', JSON.stringify(many)],
    ['in repeated fields', many],
    ['in a million commas', ','.repeat(1_000_000)],
    ['in lists and fields together', [many.slice(0, 100).join(','), ...many.slice(100)]],
  ])('%s are refused as too many, and none is read', (_where, value) => {
    const { problems, options } = read({ instruments: value });
    expect(problems).toMatchObject([{ name: 'instruments', allowed: 'at most 200 names' }]);
    expect(options.instruments).toEqual([]);
  });

  test.each([
    ['in a comma list', `drums,${'x'.repeat(201)}`],
    ['in a JSON list', JSON.stringify(['drums', 'x'.repeat(201)])],
  ])('or a longer name, %s, is refused', (_where, value) => {
    const { problems, options } = read({ instruments: value });
    expect(problems).toMatchObject([
      { name: 'instruments', allowed: 'names of at most 200 characters', received: `${'x'.repeat(80)}…` },
    ]);
    expect(options.instruments).toEqual([]);
  });

  test('are not: two hundred', () => {
    expect(read({ instruments: many.slice(0, 200).join(',') })).toMatchObject({
      problems: [],
      options: { instruments: many.slice(0, 200) },
    });
  });
});

test('of many unknown fields the first twenty are named', () => {
  const fields = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`x${String(i)}`, '1']));
  expect(read(fields).problems).toHaveLength(20);
});

test.each(['-1', '1.5', '1e2', '0x1', 'two', '9999999999', '１'])('%j is no whole number', (value) => {
  const names = ['bigshifts', 'num_overlap', 'batch_size'];
  const { problems } = read(Object.fromEntries(names.map((name) => [name, value])));
  expect(problems.map((problem) => problem.name).sort()).toEqual(names.sort());
  const allowed = { bigshifts: '1 to 16', num_overlap: '1 to 50', batch_size: '1 to 64' };
  for (const { name, message } of problems) {
    expect(message).toContain(`allowed: a whole number from ${allowed[name as keyof typeof allowed]}.`);
  }
});

test('every problem is told at once', () => {
  const { problems } = read({
    modl_type: 'x',
    use_tta: 'maybe',
    output_format: 'mp3',
    pcm_type: 'PCM_8',
    bigshifts: '-1',
    batch_size: ['1', '2'],
    instruments: '[',
  });
  expect(problems.map((problem) => problem.name).sort()).toEqual(
    ['batch_size', 'bigshifts', 'instruments', 'modl_type', 'output_format', 'pcm_type', 'use_tta'].sort(),
  );
});

test('a field that there is not is named with the one that was meant', () => {
  expect(read({ modeltype: 'x' }).problems).toMatchObject([
    { name: 'modeltype', did_you_mean: 'model_type' },
  ]);
  expect(read({ something_else: 'x' }).problems[0]?.message).toContain('allowed: file, model_type');
});

test('a repeated field that takes one value is refused, and has none', () => {
  expect(read({ model_type: ['a', 'b'] })).toMatchObject({
    modelType: undefined,
    problems: [{ name: 'model_type', message: 'model_type is given 2 times; once is allowed.' }],
  });
});

test('any form is read to its end, and no problem repeats more than a line of what was sent', () => {
  const name = fc.oneof(
    fc.constantFrom('model_type', 'instruments', 'use_tta', 'bigshifts', '__proto__'),
    fc.string(),
  );
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ minLength: 300, maxLength: 3000 }),
    fc.json(),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.array(value, { minLength: 1, maxLength: 3 }))), (fields) => {
      const form = readSubmissionForm(new Map(fields));
      for (const problem of form.problems) {
        expect(problem.message.length).toBeLessThan(700);
        expect(problem.name.length).toBeLessThanOrEqual(81);
        expect((problem.received ?? '').length).toBeLessThanOrEqual(81);
      }
      expect(form.options.instruments.every((each) => typeof each === 'string')).toBe(true);
      expect(Number.isInteger(form.options.bigshifts)).toBe(true);
    }),
    { numRuns: 200 },
  );
});
