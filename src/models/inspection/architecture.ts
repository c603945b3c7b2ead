/** All model types that MSST's `get_model_from_config` builds, in upstream main or the `msst` package. */
export const ARCHITECTURES: readonly string[] = [
  'apollo',
  'bandit',
  'bandit_v2',
  'bs_conformer',
  'bs_mamba2',
  'bs_roformer',
  'bs_roformer_experimental',
  'conformer',
  'experimental_mdx23c_stht',
  'htdemucs',
  'mdx23c',
  'mel_band_conformer',
  'mel_band_roformer',
  'mel_band_roformer_experimental',
  'moises_light',
  'scnet',
  'scnet_masked',
  'scnet_tran',
  'scnet_unofficial',
  'segm_models',
  'swin_upernet',
  'torchseg',
];

/** Alternative names used in file names. */
const OTHER_NAMES: Readonly<Record<string, string>> = { mdx23c_stht: 'experimental_mdx23c_stht' };

/**
 * Finds the longest architecture name in a file name, ignoring case and separators.
 *
 * @returns null when there is none
 */
export function architectureInName(fileName: string): string | null {
  const name = lettersAndDigits(fileName);
  const words = [...ARCHITECTURES, ...Object.keys(OTHER_NAMES)];
  const found = words.filter((word) => name.includes(lettersAndDigits(word)));
  const longest = found.reduce<string | null>(
    (best, next) => (best && best.length >= next.length ? best : next),
    null,
  );
  return longest && (OTHER_NAMES[longest] ?? longest);
}

/** Whether a name is just an architecture, and so does not identify a model. */
export const isArchitecture = (name: string): boolean => spelledAs(name, ARCHITECTURES) !== null;

/** Finds the architecture that a word means, ignoring case and separators. */
export function spelledAs(word: string, architectures: readonly string[]): string | null {
  if (architectures.includes(word)) return word;
  return (
    architectures.find((architecture) => lettersAndDigits(architecture) === lettersAndDigits(word)) ?? null
  );
}

const lettersAndDigits = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
