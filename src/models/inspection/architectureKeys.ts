/**
 * The keys of an MSST YAML that identify each architecture.
 *
 * Taken from the parameters of the constructors that MSST's `get_model_from_config` (utils/settings.py) calls with
 * the `model` section or with `kwargs`; for constructors that get the whole YAML, from the keys that they read. A
 * test compares the table with the constructors of the `msst` package.
 */

/** The keys of one architecture: `section.key`, or the name of a whole section. */
interface KeysOfArchitecture {
  architecture: string;
  /** Keys required in every YAML of this architecture. */
  needs: readonly string[];
  /** Optional keys, as far as some other architecture does not accept them. */
  takes?: readonly string[];
}

const within = (section: string, keys: string) => keys.split(' ').map((key) => `${section}.${key}`);
const model = (keys: string) => within('model', keys);

const SPECTROGRAM_AS_PICTURE = model('act num_channels num_subbands');
const MDX23C = [
  ...SPECTROGRAM_AS_PICTURE,
  ...model('growth bottleneck_factor norm num_scales num_blocks_per_scale scale'),
];
const SEGMENTATION = [...SPECTROGRAM_AS_PICTURE, ...model('encoder_name decoder_type')];
const BANDS_OF_BS = model('freqs_per_bands');
const BANDS_OF_MEL = model('num_bands sample_rate match_input_audio_length');
const TRANSFORMER = model('time_transformer_depth freq_transformer_depth linear_transformer_depth');
const CONFORMER = model('dim depth time_conformer_depth freq_conformer_depth');
const CONVOLUTIONS = model(
  'linear_conformer_depth ff_mult conv_expansion_factor conv_kernel_size conv_dropout',
);
const PLAIN_ROFORMER = model('zero_dc use_pope');
const EXPERIMENTAL_ROFORMER = model('use_value_residual_learning num_residual_streams');
const DIM_AND_DEPTH = model('dim depth');
const SCNET = model('sources dims');
const SCNET_ALL = model(
  'audio_channels nfft hop_size win_size band_SR band_stride band_kernel conv_depths compress conv_kernel num_dplayer expand',
);

const TABLE: readonly KeysOfArchitecture[] = [
  { architecture: 'apollo', needs: model('sr win feature_dim layer') },
  {
    architecture: 'bandit',
    needs: model('in_channel stems band_specs'),
    takes: model('n_bands n_fft hop_length win_length'),
  },
  { architecture: 'bandit_v2', needs: within('kwargs', 'in_channels stems') },
  {
    architecture: 'bs_conformer',
    needs: CONFORMER,
    takes: [...BANDS_OF_BS, ...CONVOLUTIONS, ...model('zero_dc')],
  },
  {
    architecture: 'bs_mamba2',
    needs: [...DIM_AND_DEPTH, ...model('time_module_depth freq_module_depth')],
    takes: [...BANDS_OF_BS, ...model('module_type mamba_gmlp')],
  },
  // The network that upstream called bs_mamba2 until 2025; forks from that time still do.
  {
    architecture: 'bs_mamba2',
    needs: model('feature_dim num_repeat_mask num_repeat_map'),
    takes: model('sr win stride num_output'),
  },
  {
    architecture: 'bs_roformer',
    needs: DIM_AND_DEPTH,
    takes: [...BANDS_OF_BS, ...TRANSFORMER, ...PLAIN_ROFORMER],
  },
  {
    architecture: 'bs_roformer_experimental',
    needs: DIM_AND_DEPTH,
    takes: [...BANDS_OF_BS, ...TRANSFORMER, ...EXPERIMENTAL_ROFORMER],
  },
  {
    architecture: 'conformer',
    needs: [...within('stft', 'n_fft hop_length center'), ...model('embed_dim freq_bins')],
    takes: model('sources in_channels depth ff_mult conv_expansion_factor conv_kernel_size conv_dropout'),
  },
  {
    architecture: 'experimental_mdx23c_stht',
    needs: MDX23C,
  },
  // One constructor function builds all three, depending on the `model` key.
  { architecture: 'htdemucs', needs: ['htdemucs'] },
  { architecture: 'htdemucs', needs: ['hdemucs'] },
  { architecture: 'htdemucs', needs: ['demucs'] },
  {
    architecture: 'mdx23c',
    needs: MDX23C,
  },
  {
    architecture: 'mel_band_conformer',
    needs: CONFORMER,
    takes: [...BANDS_OF_MEL, ...CONVOLUTIONS, ...model('zero_dc')],
  },
  {
    architecture: 'mel_band_roformer',
    needs: DIM_AND_DEPTH,
    takes: [...BANDS_OF_MEL, ...TRANSFORMER, ...PLAIN_ROFORMER],
  },
  {
    architecture: 'mel_band_roformer_experimental',
    needs: DIM_AND_DEPTH,
    takes: [...BANDS_OF_MEL, ...TRANSFORMER, ...EXPERIMENTAL_ROFORMER],
  },
  {
    architecture: 'moises_light',
    needs: model('sources n_enc n_dec n_split_enc n_split_dec'),
    takes: model('audio_channels n_bands n_fft hop_size win_size n_rope bn_factor freq_dim G'),
  },
  { architecture: 'scnet', needs: SCNET, takes: SCNET_ALL },
  { architecture: 'scnet_masked', needs: SCNET, takes: SCNET_ALL },
  {
    architecture: 'scnet_tran',
    needs: SCNET,
    takes: [
      ...SCNET_ALL,
      ...model('tran_depth tran_heads tran_dim_head tran_rotary_embedding_dim tran_flash_attn'),
    ],
  },
  {
    architecture: 'scnet_unofficial',
    needs: model('n_fft dims bandsplit_ratios downsample_strides n_conv_modules n_rnn_layers rnn_hidden_dim'),
    takes: model('hop_length win_length n_sources'),
  },
  { architecture: 'segm_models', needs: SEGMENTATION },
  { architecture: 'swin_upernet', needs: SPECTROGRAM_AS_PICTURE },
  { architecture: 'torchseg', needs: SEGMENTATION },
];

/** The keys that help to identify an architecture; all others are common to all YAMLs or specific to a fork. */
const TELLING: ReadonlySet<string> = new Set(TABLE.flatMap(({ needs, takes = [] }) => [...needs, ...takes]));

/**
 * Finds the architectures that match a YAML's keys: all required keys present, and no distinctive key that the
 * architecture does not accept.
 *
 * @param keys section names, and `section.key` entries
 */
export function architecturesOfKeys(keys: ReadonlySet<string>): string[] {
  const telling = [...keys].filter((key) => TELLING.has(key));
  const fitting = TABLE.filter(({ needs, takes = [] }) => {
    const taken = new Set([...needs, ...takes]);
    return needs.every((key) => keys.has(key)) && telling.every((key) => taken.has(key));
  });
  return [...new Set(fitting.map(({ architecture }) => architecture))];
}
