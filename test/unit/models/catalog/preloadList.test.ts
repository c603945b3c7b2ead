import { expect, test, vi } from 'vitest';
import { choosePreloads } from '../../../../src/models/catalog/preloadList.ts';
import { starterModel } from '../../../support/starterModel.ts';

const entries = ['starter', 'Vocals', 'drums_xl'].map((name) => starterModel({ name }));
const catalog = {
  list: () => entries,
  find: (name: string) => entries.find((entry) => entry.name.toLowerCase() === name.toLowerCase()) ?? null,
  unavailable: () => [
    { name: 'broken', reason: 'its checkpoint is missing', listed: true, isDefault: false },
  ],
};

function choose(...wanted: string[]) {
  const warn = vi.fn<(fields: object, message: string) => void>();
  return {
    chosen: choosePreloads(wanted, catalog, { info: () => undefined, warn }),
    warnings: warn.mock.calls,
  };
}

test('models are preloaded in the order given, each once, by the name the catalog has', () => {
  expect(choose('drums_xl', 'vocals', 'Vocals', 'starter')).toEqual({
    chosen: ['drums_xl', 'Vocals', 'starter'],
    warnings: [],
  });
});

test('a name that no model has is a warning with the nearest one, and the others stay', () => {
  const { chosen, warnings } = choose('vokals', 'starter', '');
  expect(chosen).toEqual(['starter']);
  const names = ['starter', 'Vocals', 'drums_xl', 'broken'];
  expect(warnings).toEqual([
    [
      { preload_models: 'vokals', didYouMean: 'Vocals', names },
      'preload_models names an unknown model: it is ignored',
    ],
    [{ preload_models: '', didYouMean: null, names }, 'preload_models names an unknown model: it is ignored'],
  ]);
});

test('a model that cannot be used is a warning with the reason, and the others stay', () => {
  const { chosen, warnings } = choose('Broken', 'starter');
  expect(chosen).toEqual(['starter']);
  expect(warnings).toEqual([
    [
      { preload_models: 'Broken', reason: 'its checkpoint is missing' },
      'preload_models names a model that is unavailable: it is not preloaded',
    ],
  ]);
});
