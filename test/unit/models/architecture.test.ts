import { expect, test } from 'vitest';
import { ARCHITECTURES, tellArchitecture } from '../../../src/models/architecture.ts';

const silent = { declaredArchitecture: null, hasDemucsSection: false };

test.each(ARCHITECTURES)(
  'a file named after %s is of that architecture, not of a shorter one',
  (architecture) => {
    expect(tellArchitecture(silent, `config_musdb18_${architecture}.yaml`)).toBe(architecture);
  },
);

test.each([
  ['model_bs_roformer_ep_317_sdr_12.9755.yaml', 'bs_roformer'],
  ['BS-RoFormer-vocals.yaml', 'bs_roformer'],
  ['MelBandRoformer.ckpt', 'mel_band_roformer'],
  ['config_musdb_conformers.yaml', 'conformer'],
  ['config_dnr_bandit_v2_mus64.yaml', 'bandit_v2'],
  ['config_drumsep.yaml', null],
])('%s tells %s', (fileName, architecture) => {
  expect(tellArchitecture(null, fileName)).toBe(architecture);
});

test('what the YAML says goes before its name, also where only a fork knows the type', () => {
  expect(tellArchitecture({ ...silent, declaredArchitecture: 'bs_polarformer' }, 'mdx23c.yaml')).toBe(
    'bs_polarformer',
  );
});

test('a Demucs section tells where the name does not, and only there', () => {
  expect(tellArchitecture({ ...silent, hasDemucsSection: true }, 'config_drumsep.yaml')).toBe('htdemucs');
  expect(tellArchitecture({ ...silent, hasDemucsSection: true }, 'config_scnet.yaml')).toBe('scnet');
});
