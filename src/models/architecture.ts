import type { ModelYaml } from './modelYaml.ts';

/** Every model type that MSST's `get_model_from_config` builds, upstream main and the `msst` package together. */
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

/**
 * Tells a model's MSST type: the YAML's own word, else the longest type in the file's name, else a Demucs section.
 * The YAML's word counts even if it is not one of ARCHITECTURES: a fork may know more types.
 *
 * @param fileName base name of the YAML (or of the checkpoint); case and separators do not count.
 * @returns null: nothing tells.
 */
export function tellArchitecture(
  yaml: Pick<ModelYaml, 'declaredArchitecture' | 'hasDemucsSection'> | null,
  fileName: string,
): string | null {
  if (yaml?.declaredArchitecture) return yaml.declaredArchitecture;
  return longestIn(fileName) ?? (yaml?.hasDemucsSection ? 'htdemucs' : null);
}

function longestIn(fileName: string): string | null {
  const name = lettersAndDigits(fileName);
  const found = ARCHITECTURES.filter((architecture) => name.includes(lettersAndDigits(architecture)));
  return found.reduce<string | null>(
    (best, next) => (best && best.length >= next.length ? best : next),
    null,
  );
}

/** Whether a name says which architecture a model is of and nothing of the model itself; separators do not count. */
export const isArchitecture = (name: string): boolean =>
  ARCHITECTURES.some((architecture) => lettersAndDigits(architecture) === lettersAndDigits(name));

const lettersAndDigits = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
