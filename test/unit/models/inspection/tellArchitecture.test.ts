import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseModelYaml } from '../../../../src/models/inspection/modelYaml.ts';
import { tellArchitecture } from '../../../../src/models/inspection/tellArchitecture.ts';
import { makeTorchCheckpoint } from '../../../support/pickledTensors.ts';
import { makeFolder, makeSafetensorsOf } from '../modelFolder.ts';

const MEL = '{ dim: 8, depth: 1, num_bands: 60, time_transformer_depth: 1 }';
const BS = '{ dim: 8, depth: 1, freqs_per_bands: [2, 2], time_transformer_depth: 1 }';
const NO_BANDS = '{ dim: 8, depth: 1, time_transformer_depth: 1 }';
const MDX23C =
  '{ act: gelu, num_channels: 8, num_subbands: 4, growth: 8, bottleneck_factor: 4, norm: BatchNorm, num_scales: 2, num_blocks_per_scale: 1, scale: [2, 2] }';
const SCNET = '{ sources: [a], dims: [4, 8], nfft: 4096 }';
const SEGMENTATION = '{ act: gelu, num_channels: 8, num_subbands: 4, encoder_name: x, decoder_type: unet }';

interface Model {
  section: string;
  yaml?: string;
  checkpoint?: string;
  declared?: string;
  listed?: string;
  content?: Buffer | string;
  channels?: number;
  known?: string[] | null;
}

/** What a model is taken for, whose files are called so and hold that. */
async function tell(model: Model) {
  const {
    section,
    yaml = 'big.yaml',
    checkpoint = 'big.ckpt',
    declared,
    listed = null,
    channels = 2,
  } = model;
  const text = [
    `audio: { num_channels: ${String(channels)} }`,
    section.startsWith('{') ? `model: ${section}` : section,
    `training: { instruments: [a]${declared === undefined ? '' : `, model_type: ${declared}`} }`,
  ].join('\n');
  const read = parseModelYaml(Buffer.from(text));
  if (!read.ok) throw new Error(read.problem);
  const root = await makeFolder(model.content === undefined ? {} : { [checkpoint]: model.content });
  const files = { configPath: path.join(root, yaml), checkpointPath: path.join(root, checkpoint) };
  return tellArchitecture({ architecture: listed, ...files }, read.yaml, model.known ?? null);
}

const clear = (architecture: string) => ({ architecture, notes: [] });

describe('the content decides', () => {
  test.each([
    ['whatever the files are called', { section: MEL }, 'mel_band_roformer'],
    ['between the plain and the experimental', { section: BS }, 'bs_roformer'],
    ['a Demucs section', { section: 'htdemucs: { channels: 48 }', yaml: 'drumsep.yaml' }, 'htdemucs'],
  ] as const)('%s', async (_, model, architecture) => {
    expect(await tell(model)).toEqual(clear(architecture));
  });

  test('against the name, with a note that says both', async () => {
    expect(await tell({ section: MEL, yaml: 'config_vocals_bs_roformer.yaml' })).toEqual({
      architecture: 'mel_band_roformer',
      notes: [
        "its files' names say bs_roformer, but its YAML has the keys of mel_band_roformer, mel_band_roformer_experimental: assuming mel_band_roformer",
      ],
    });
    const ofDemucs = await tell({ section: 'htdemucs: { channels: 48 }', yaml: 'config_scnet.yaml' });
    expect(ofDemucs).toMatchObject({ architecture: 'htdemucs', notes: [expect.stringContaining('scnet')] });
  });

  test('and not where it says nothing', async () => {
    expect(await tell({ section: '{ width: 3 }', yaml: 'config_vocals_bs_roformer.yaml' })).toEqual(
      clear('bs_roformer'),
    );
    expect(await tell({ section: '{ width: 3 }' })).toEqual({
      architecture: null,
      notes: ['its architecture cannot be determined'],
    });
  });
});

describe('where the content fits several, the names decide', () => {
  test.each([
    ['of the YAML', { yaml: 'config_torchseg.yaml' }, SEGMENTATION, 'torchseg'],
    ['of the checkpoint', { checkpoint: 'model_torchseg_ep_3.ckpt' }, SEGMENTATION, 'torchseg'],
    [
      'the YAML before the checkpoint',
      { yaml: 'torchseg.yaml', checkpoint: 'segm_models.ckpt' },
      SEGMENTATION,
      'torchseg',
    ],
    [
      'of both, the one that says more',
      { yaml: 'scnet_small.yaml', checkpoint: 'scnet_masked_ep_1.ckpt' },
      SCNET,
      'scnet_masked',
    ],
    [
      'for a variant',
      { yaml: 'config_mel_band_roformer_experimental.yaml' },
      MEL,
      'mel_band_roformer_experimental',
    ],
    ['also abbreviated', { yaml: 'config_musdb18_mdx23c_stht.yaml' }, MDX23C, 'experimental_mdx23c_stht'],
  ])('%s', async (_, names, section, architecture) => {
    expect(await tell({ section, ...names })).toEqual(clear(architecture));
  });

  test('and where they say nothing either, nothing tells', async () => {
    expect(await tell({ section: SEGMENTATION })).toEqual({
      architecture: null,
      notes: ['its architecture cannot be determined: its YAML has the keys of segm_models, torchseg'],
    });
  });
});

describe('where names leave it open, the tensors of the checkpoint decide', () => {
  const BAND_SPLIT = { 'band_split.to_features.0.1.weight': [8, 8] };
  const SEPARATION = { 'separation_net.dp_modules.0.norm_layers.0.weight': [8] };
  const first = (inputs: number) => ({ 'first_conv.weight': [8, inputs, 1, 1] });

  test.each([
    ['two inputs a subband and channel', MDX23C, first(16), 'mdx23c'],
    ['one', MDX23C, first(8), 'experimental_mdx23c_stht'],
    [
      'under a name of its own',
      MDX23C,
      { 'module.first_conv.weight': [8, 8, 1, 1] },
      'experimental_mdx23c_stht',
    ],
    ['a norm at the end', NO_BANDS, { ...BAND_SPLIT, 'final_norm.gamma': [8] }, 'bs_roformer'],
    ['none', NO_BANDS, { ...BAND_SPLIT, 'layers.0.0.norm.gamma': [8] }, 'mel_band_roformer'],
    ['no mask and no first layer', SCNET, SEPARATION, 'scnet'],
    ['a mask', SCNET, { ...SEPARATION, 'mask_layer.0.weight': [8] }, 'scnet_masked'],
    ['a first layer', SCNET, { ...SEPARATION, 'first_conv.weight': [8] }, 'scnet_tran'],
  ])('%s', async (_, section, tensors, architecture) => {
    expect(await tell({ section, content: makeTorchCheckpoint(tensors) })).toEqual(clear(architecture));
    expect(await tell({ section, content: makeSafetensorsOf(tensors) })).toEqual(clear(architecture));
  });

  test('a model in mono has half as many inputs', async () => {
    const content = makeTorchCheckpoint(first(8));
    expect(await tell({ section: MDX23C, channels: 1, content })).toEqual(clear('mdx23c'));
  });

  test('also against a name that may be short for another', async () => {
    const yaml = 'config_musdb18_scnet_small.yaml';
    const content = makeTorchCheckpoint({ ...SEPARATION, 'mask_layer.0.weight': [8] });
    expect(await tell({ section: SCNET, yaml, content })).toEqual(clear('scnet_masked'));
  });

  test.each([
    [
      'a checkpoint of before 2020',
      Buffer.from(`80028a0a6cfc9c46f9206aa850192e${'00'.repeat(100)}`, 'hex'),
      'in a format of PyTorch before 1.6',
    ],
    ['one that is not there', undefined, 'its checkpoint cannot be read'],
    [
      'one that is cut',
      makeTorchCheckpoint(first(8)).subarray(0, -9),
      'the tensors of its checkpoint cannot be read',
    ],
    ['a text', 'no weights', 'its checkpoint is not a checkpoint file'],
  ])('%s tells nothing: then its name does, or it is taken for the plain one', async (_, content, why) => {
    const of = content === undefined ? {} : { content };
    expect(await tell({ section: SCNET, yaml: 'scnet_small.yaml', ...of })).toEqual(clear('scnet'));
    expect(await tell({ section: MDX23C, ...of })).toEqual({
      architecture: 'mdx23c',
      notes: [
        expect.stringMatching(
          `its YAML has the keys of experimental_mdx23c_stht, mdx23c, and .*${why}.*: assuming mdx23c`,
        ),
      ],
    });
    const nothing = await tell({ section: NO_BANDS, ...of });
    expect(nothing).toMatchObject({ architecture: null, notes: [expect.stringContaining(why)] });
  });

  test('tensors of another network leave the choice to the names', async () => {
    const content = makeTorchCheckpoint({ weight: [3] });
    expect(await tell({ section: SCNET, yaml: 'scnet.yaml', content })).toEqual(clear('scnet'));
  });
});

describe('a word for it', () => {
  test('of the configuration goes before the one of the YAML, and that before all else', async () => {
    const both = { section: MEL, declared: 'scnet', yaml: 'mdx23c.yaml' };
    expect(await tell({ ...both, listed: 'apollo' })).toEqual(clear('apollo'));
    expect(await tell(both)).toEqual(clear('scnet'));
  });

  test('in other case is taken for what it means, and told', async () => {
    expect(await tell({ section: MEL, listed: 'BS-Roformer' })).toEqual({
      architecture: 'bs_roformer',
      notes: ['its entry has the architecture "BS-Roformer": MSST writes it bs_roformer, which is assumed'],
    });
    expect(await tell({ section: MEL, declared: 'MDX23C' })).toEqual({
      architecture: 'mdx23c',
      notes: ['its YAML has the architecture "MDX23C": MSST writes it mdx23c, which is assumed'],
    });
  });

  test('that this MSST does not know stays, with the nearest that it does', async () => {
    const known = ['bs_roformer', 'mdx23c'];
    expect(await tell({ section: MEL, listed: 'bs_rofomer', known })).toEqual({
      architecture: 'bs_rofomer',
      notes: [],
      lacking:
        'this MSST has no architecture "bs_rofomer" (did you mean bs_roformer?); it has bs_roformer, mdx23c',
    });
    expect(await tell({ section: MEL, declared: 'apollo', known })).toEqual({
      architecture: 'apollo',
      notes: [],
      lacking: 'this MSST has no architecture "apollo"; it has bs_roformer, mdx23c',
    });
  });

  test('that this MSST does not know is a doubt alone where the YAML has one that it knows', async () => {
    const known = ['bs_roformer', 'mdx23c'];
    expect(await tell({ section: MEL, listed: 'mine', declared: 'MDX23C', known })).toEqual({
      architecture: 'mine',
      notes: ['this MSST has no architecture "mine"; it has bs_roformer, mdx23c'],
    });
  });

  test('that only a fork knows is told where the fork does not tell, and not where it does', async () => {
    const model = { section: MEL, declared: 'bs_polarformer' };
    expect(await tell(model)).toEqual({
      architecture: 'bs_polarformer',
      notes: [
        'the architecture "bs_polarformer" is not a known architecture of MSST; did you mean bs_conformer?',
      ],
    });
    expect(await tell({ ...model, known: ['bs_roformer', 'bs_polarformer'] })).toEqual(
      clear('bs_polarformer'),
    );
  });
});

describe('what this MSST has', () => {
  test('decides where an older one calls a network otherwise', async () => {
    const section =
      '{ n_fft: 1, dims: [1], bandsplit_ratios: [1], downsample_strides: [1], n_conv_modules: [1], n_rnn_layers: 1, rnn_hidden_dim: 1 }';
    const yaml = 'config_musdb18_scnet.yaml';
    expect(await tell({ section, yaml, known: ['scnet', 'mdx23c'] })).toEqual(clear('scnet'));
    expect(await tell({ section, yaml, known: ['scnet', 'scnet_unofficial'] })).toMatchObject({
      architecture: 'scnet_unofficial',
      notes: [expect.stringContaining('names say scnet')],
    });
  });

  test('leaves only what it has to choose from', async () => {
    expect(await tell({ section: SEGMENTATION, known: ['segm_models'] })).toEqual(clear('segm_models'));
  });

  test('does not hide what it lacks', async () => {
    expect(await tell({ section: MEL, known: ['mdx23c', 'bs_roformer'] })).toEqual({
      architecture: 'mel_band_roformer',
      notes: [],
      lacking: 'this MSST has no architecture "mel_band_roformer"; it has mdx23c, bs_roformer',
    });
  });
});
