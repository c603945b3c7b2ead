import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { ARCHITECTURES } from '../../../../src/models/inspection/architecture.ts';
import { architecturesOfKeys } from '../../../../src/models/inspection/architectureKeys.ts';
import { enginePython } from '../../../support/python.ts';

const fitting = (section: string, keys: Iterable<string>) =>
  architecturesOfKeys(new Set([section, ...[...keys].map((key) => `${section}.${key}`)]));
const ofModel = (keys: string) => fitting('model', keys.split(' '));

const ROFORMER = 'dim depth stereo num_stems time_transformer_depth freq_transformer_depth heads stft_n_fft';
const CONFORMER =
  'dim depth stereo num_stems time_conformer_depth freq_conformer_depth ff_mult conv_kernel_size';
const SCNET = 'sources audio_channels dims nfft hop_size win_size normalized band_SR conv_depths num_dplayer';
const MDX23C =
  'act bottleneck_factor growth norm num_blocks_per_scale num_channels num_scales num_subbands scale';

describe('sections as people have them', () => {
  test.each([
    ['bands in hertz', `${ROFORMER} freqs_per_bands`, ['bs_roformer', 'bs_roformer_experimental']],
    [
      'bands in mel',
      `${ROFORMER} num_bands sample_rate`,
      ['mel_band_roformer', 'mel_band_roformer_experimental'],
    ],
    ['keys that only a fork has', `${ROFORMER} num_bands zero_dc sage_attention`, ['mel_band_roformer']],
    [
      'several residual streams',
      `${ROFORMER} freqs_per_bands num_residual_streams`,
      ['bs_roformer_experimental'],
    ],
    [
      'residual learning',
      `${ROFORMER} num_bands use_value_residual_learning`,
      ['mel_band_roformer_experimental'],
    ],
    [
      'no bands',
      ROFORMER,
      ['bs_roformer', 'bs_roformer_experimental', 'mel_band_roformer', 'mel_band_roformer_experimental'],
    ],
    ['convolutions between bands in hertz', `${CONFORMER} freqs_per_bands`, ['bs_conformer']],
    ['convolutions between bands in mel', `${CONFORMER} num_bands conv_dropout`, ['mel_band_conformer']],
    ['state spaces', 'dim depth stereo time_module_depth freq_module_depth module_type', ['bs_mamba2']],
    [
      'state spaces as they were first',
      'sr win stride feature_dim num_repeat_mask num_repeat_map num_output',
      ['bs_mamba2'],
    ],
    ['subbands and growth', MDX23C, ['experimental_mdx23c_stht', 'mdx23c']],
    ['an encoder', 'act num_channels num_subbands encoder_name decoder_type', ['segm_models', 'torchseg']],
    ['subbands alone', 'act num_channels num_subbands', ['swin_upernet']],
    ['a sparse net', SCNET, ['scnet', 'scnet_masked', 'scnet_tran']],
    ['a sparse net with transformers', `${SCNET} tran_depth tran_heads`, ['scnet_tran']],
    [
      'a sparse net by others',
      'n_sources n_fft hop_length dims bandsplit_ratios downsample_strides n_conv_modules n_rnn_layers rnn_hidden_dim',
      ['scnet_unofficial'],
    ],
    ['a restorer', 'sr win feature_dim layer', ['apollo']],
    ['bands of music', 'in_channel stems band_specs n_bands n_fft emb_dim', ['bandit']],
    [
      'splits in the encoder',
      'sources audio_channels n_fft hop_size n_bands n_enc n_dec n_split_enc n_split_dec bn_factor',
      ['moises_light'],
    ],
    ['what nobody has', 'width height', []],
    ['a part of what one needs', 'dim stereo', []],
    ['keys of two that exclude each other', `${ROFORMER} freqs_per_bands num_bands`, []],
  ])('%s', (_, keys, architectures) => {
    expect(ofModel(keys)).toEqual(architectures);
  });

  test.each(['htdemucs', 'hdemucs', 'demucs'])('a section %s', (section) => {
    expect(architecturesOfKeys(new Set(['audio', 'training', section]))).toEqual(['htdemucs']);
  });

  test('keys in other sections', () => {
    expect(fitting('kwargs', ['in_channels', 'stems', 'n_bands'])).toEqual(['bandit_v2']);
    const conformer = ['stft.n_fft', 'stft.hop_length', 'stft.center', 'model.embed_dim', 'model.freq_bins'];
    expect(architecturesOfKeys(new Set(conformer))).toEqual(['conformer']);
    expect(fitting('training', ROFORMER.split(' '))).toEqual([]);
  });
});

describe("MSST's own constructors", () => {
  /** Where the msst package has the classes that are built from the section `model` alone. */
  const CLASSES = {
    apollo: 'look2hear/models/apollo.py:Apollo',
    bandit: 'bandit/core/model/bsrnn/wrapper.py:MultiMaskMultiSourceBandSplitRNNSimple',
    bs_conformer: 'bs_roformer/bs_conformer.py:BSConformer',
    bs_mamba2: 'bs_mamba2_code/bs_mamba2.py:BSMamba2Model',
    bs_roformer: 'bs_roformer/bs_roformer.py:BSRoformer',
    bs_roformer_experimental: 'bs_roformer/bs_roformer_experimental.py:BSRoformer',
    mel_band_conformer: 'bs_roformer/mel_band_conformer.py:MelBandConformer',
    mel_band_roformer: 'bs_roformer/mel_band_roformer.py:MelBandRoformer',
    mel_band_roformer_experimental: 'bs_roformer/mel_band_roformer_experimental.py:MelBandRoformer',
    scnet: 'scnet/scnet.py:SCNet',
    scnet_masked: 'scnet/scnet_masked.py:SCNet',
    scnet_tran: 'scnet/scnet_tran.py:SCNet_Tran',
    scnet_unofficial: 'scnet_unofficial/scnet.py:SCNet',
  } as const;
  const architectures = Object.keys(CLASSES) as (keyof typeof CLASSES)[];
  let parameters: Record<string, string[]>;

  beforeAll(async () => {
    const lines = [
      'import ast, importlib.util, json, pathlib, sys',
      'root = pathlib.Path(importlib.util.find_spec("msst").submodule_search_locations[0], "models")',
      'def names(spec):',
      '    file, name = spec.split(":")',
      '    tree = ast.parse((root / file).read_text(encoding="utf-8"))',
      '    [found] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]',
      '    [init] = [node for node in found.body if getattr(node, "name", "") == "__init__"]',
      '    return [each.arg for each in init.args.args[1:] + init.args.kwonlyargs]',
      'print(json.dumps({key: names(spec) for key, spec in json.loads(sys.argv[1]).items()}))',
    ];
    const args = ['-c', lines.join('\n'), JSON.stringify(CLASSES)];
    const { stdout } = await promisify(execFile)(enginePython, args);
    parameters = JSON.parse(stdout) as Record<string, string[]>;
  });

  test.each(architectures)('all that %s takes tells it, and whatever else takes all that', (architecture) => {
    const own = parameters[architecture] ?? [];
    const takesAll = architectures.filter((other) => own.every((key) => parameters[other]?.includes(key)));
    expect(own.length).toBeGreaterThan(3);
    expect(fitting('model', own)).toEqual(takesAll);
  });

  test('every architecture has keys of its own', () => {
    const others = ['bandit_v2', 'conformer', 'experimental_mdx23c_stht', 'htdemucs', 'mdx23c', 'moises_light', 'segm_models', 'swin_upernet', 'torchseg']; // prettier-ignore
    expect([...architectures, ...others].sort()).toEqual([...ARCHITECTURES]);
  });
});
