import { describe, expect, test } from 'vitest';
import { resolveOptions, type SubmittedOptions } from '../../../../src/models/catalog/optionRules.ts';
import type { ModelEntry } from '../../../../src/models/inspection/modelEntry.ts';
import { makeEntry } from '../modelFolder.ts';

const defaults: SubmittedOptions = {
  instruments: [],
  useTta: false,
  extractInstrumental: false,
  outputFormat: 'wav',
  pcmType: 'PCM_24',
  bigshifts: 1,
  numOverlap: null,
  batchSize: null,
};

function resolve(changes: Partial<SubmittedOptions>, model: ModelEntry = makeEntry()) {
  return resolveOptions(model, { ...defaults, ...changes });
}

function problemsOf(changes: Partial<SubmittedOptions>, model?: ModelEntry) {
  const resolved = resolve(changes, model);
  return 'problems' in resolved ? resolved.problems : [];
}

function instrumentsOf(changes: Partial<SubmittedOptions>, model?: ModelEntry) {
  const resolved = resolve(changes, model);
  return 'options' in resolved ? resolved.options.instruments : null;
}

describe('instruments', () => {
  test('none named means all the model puts out', () => {
    expect(instrumentsOf({})).toEqual(['Vocals', 'bass', 'Drums', 'other']);
  });

  test('case, blanks, order and repeats do not matter; the outcome is in the spelling and order of the model', () => {
    expect(instrumentsOf({ instruments: ['DRUMS', ' vocals ', 'drums'] })).toEqual(['Vocals', 'Drums']);
  });

  test('of two instruments that differ by case alone, the exact spelling decides', () => {
    const model = makeEntry({ instruments: ['Vocals', 'vocals'] });
    expect(instrumentsOf({ instruments: ['vocals'] }, model)).toEqual(['vocals']);
    expect(instrumentsOf({ instruments: ['VOCALS'] }, model)).toEqual(['Vocals']);
  });

  test('of a model with a target, only the target can be had', () => {
    const model = makeEntry({ outputs: ['Vocals'], targetInstrument: 'Vocals' });
    expect(instrumentsOf({}, model)).toEqual(['Vocals']);
    expect(problemsOf({ instruments: ['bass'] }, model)).toMatchObject([
      { name: 'instruments', received: 'bass', allowed: 'Vocals' },
    ]);
  });

  test('each unknown one is a problem with the valid ones and the nearest', () => {
    expect(problemsOf({ instruments: ['vocls', 'bass', 'kazoo'] })).toEqual([
      {
        name: 'instruments',
        message:
          'The model "four" has no instrument "vocls". Did you mean "Vocals"? Valid: Vocals, bass, Drums, other.',
        received: 'vocls',
        allowed: 'Vocals, bass, Drums, other',
        did_you_mean: 'Vocals',
      },
      {
        name: 'instruments',
        message: 'The model "four" has no instrument "kazoo". Valid: Vocals, bass, Drums, other.',
        received: 'kazoo',
        allowed: 'Vocals, bass, Drums, other',
      },
    ]);
  });

  test('ten thousand unknown ones do not make ten thousand problems', () => {
    const instruments = Array.from({ length: 10_000 }, (_, index) => `x${String(index)}`.repeat(100));
    const problems = problemsOf({ instruments });
    expect(problems).toHaveLength(20);
    expect(JSON.stringify(problems).length).toBeLessThan(20_000);
  });
});

describe('instrumental', () => {
  test('naming it where the model has none says which option makes it', () => {
    const [problem] = problemsOf({ instruments: ['Vocals', 'instrumental'] });
    expect(problem?.message).toContain('set extract_instrumental=true');
  });

  test('naming it beside extract_instrumental changes nothing', () => {
    const changes = { instruments: ['vocals', 'Instrumental'], extractInstrumental: true };
    expect(instrumentsOf(changes)).toEqual(['Vocals']);
  });

  test('naming it alone leaves no stem to separate', () => {
    const [problem] = problemsOf({ instruments: ['instrumental'], extractInstrumental: true });
    expect(problem?.message).toContain('name at least one of Vocals, bass, Drums, other');
  });

  test('a model that has one of its own gives that', () => {
    const model = makeEntry({ instruments: ['vocals', 'Instrumental'] });
    expect(instrumentsOf({ instruments: ['instrumental'] }, model)).toEqual(['Instrumental']);
  });
});

describe('encoding and limits', () => {
  test('FLAC with FLOAT is refused, each alone is not', () => {
    expect(problemsOf({ outputFormat: 'flac', pcmType: 'FLOAT' })).toMatchObject([
      { name: 'pcm_type', received: 'FLOAT', allowed: 'PCM_16, PCM_24' },
    ]);
    expect(problemsOf({ outputFormat: 'flac', pcmType: 'PCM_16' })).toEqual([]);
    expect(problemsOf({ outputFormat: 'wav', pcmType: 'FLOAT' })).toEqual([]);
  });

  test.each([
    ['bigshifts', 'bigshifts', 16],
    ['num_overlap', 'numOverlap', 50],
    ['batch_size', 'batchSize', 64],
  ])('%s may be 1 to its limit', (name, key, most) => {
    for (const value of [1, most]) expect(problemsOf({ [key]: value })).toEqual([]);
    for (const value of [0, -1, 1.5, NaN, Infinity, most + 1]) {
      expect(problemsOf({ [key]: value })).toMatchObject([
        { name, received: String(value), allowed: `a whole number from 1 to ${String(most)}` },
      ]);
    }
  });

  test('what the client leaves open is as the configuration sets it for the model', () => {
    const model = makeEntry({ batchSize: 4, numOverlap: 8 });
    expect(resolve({}, model)).toMatchObject({ options: { batchSize: 4, numOverlap: 8 } });
    expect(resolve({ batchSize: 1, numOverlap: 2 }, model)).toMatchObject({
      options: { batchSize: 1, numOverlap: 2 },
    });
  });

  test('every problem is told at once', () => {
    const changes = {
      outputFormat: 'flac',
      pcmType: 'FLOAT',
      bigshifts: 0,
      batchSize: 65,
      instruments: ['x'],
    } as const;
    const names = problemsOf({ ...changes, instruments: ['x'] }).map(({ name }) => name);
    expect(names).toEqual(['pcm_type', 'bigshifts', 'batch_size', 'instruments']);
  });
});
