import { expect, test } from 'vitest';
import {
  architectureInName,
  ARCHITECTURES,
  isArchitecture,
  spelledAs,
} from '../../../../src/models/inspection/architecture.ts';

test.each(ARCHITECTURES)(
  'a file named after %s is of that architecture, not of a shorter one',
  (architecture) => {
    expect(architectureInName(`config_musdb18_${architecture}.yaml`)).toBe(architecture);
  },
);

test.each([
  ['model_bs_roformer_ep_317_sdr_12.9755.yaml', 'bs_roformer'],
  ['BS-RoFormer-vocals.yaml', 'bs_roformer'],
  ['MelBandRoformer.ckpt', 'mel_band_roformer'],
  ['config_musdb_conformers.yaml', 'conformer'],
  ['config_dnr_bandit_v2_mus64.yaml', 'bandit_v2'],
  ['config_musdb18_mdx23c_stht.yaml', 'experimental_mdx23c_stht'],
  ['config_drumsep.yaml', null],
])('%s tells %s', (fileName, architecture) => {
  expect(architectureInName(fileName)).toBe(architecture);
});

test.each([
  ['bs_roformer', 'bs_roformer'],
  ['BS-Roformer', 'bs_roformer'],
  ['MDX23C', 'mdx23c'],
  ['bs_roformers', null],
  ['', null],
])('%j is the architecture %j', (word, architecture) => {
  expect(spelledAs(word, ARCHITECTURES)).toBe(architecture);
  expect(isArchitecture(word)).toBe(architecture !== null);
});

test('a spelling that is there goes before the same in other case', () => {
  expect(spelledAs('SCNet', ['scnet', 'SCNet'])).toBe('SCNet');
});
