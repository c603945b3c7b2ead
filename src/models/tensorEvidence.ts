import type { ModelYaml } from './modelYaml.ts';
import type { TensorShapes } from './pickledTensors.ts';

/** What of a YAML the shapes depend on. */
type Sizes = Pick<ModelYaml, 'subbands' | 'stereo'>;
/** Whether a checkpoint can be of an architecture, by the names and shapes of its tensors. */
type Mark = (tensors: TensorShapes, sizes: Sizes) => boolean;

const isBandSplit =
  ({ normsAtTheEnd }: { normsAtTheEnd: boolean }): Mark =>
  (tensors) =>
    hasPart(tensors, 'band_split.') && hasPart(tensors, 'final_norm.') === normsAtTheEnd;
const overBands = isBandSplit({ normsAtTheEnd: true });
const overMelBands = isBandSplit({ normsAtTheEnd: false });

/** How many inputs the first layer has for each band of each channel: a Fourier transform gives two, Hartley's one. */
const perBand =
  (inputs: number): Mark =>
  (tensors, { subbands, stereo }) =>
    subbands !== null && shapeOf(tensors, 'first_conv.weight')?.[1] === inputs * subbands * (stereo ? 2 : 1);

const scnetWith =
  (...parts: string[]): Mark =>
  (tensors) =>
    hasPart(tensors, 'separation_net.') &&
    ['mask_layer.', 'first_conv.'].every((part) => hasPart(tensors, part) === parts.includes(part));

/** By what the networks differ whose YAMLs may have the same keys, as MSST's classes name their tensors. */
const MARKS: Readonly<Record<string, Mark>> = {
  bs_conformer: overBands,
  bs_roformer: overBands,
  bs_roformer_experimental: overBands,
  experimental_mdx23c_stht: perBand(1),
  mdx23c: perBand(2),
  mel_band_conformer: overMelBands,
  mel_band_roformer: overMelBands,
  mel_band_roformer_experimental: overMelBands,
  scnet: scnetWith(),
  scnet_masked: scnetWith('mask_layer.'),
  scnet_tran: scnetWith('first_conv.'),
};

/** Whether a look at a checkpoint's tensors may tell these architectures apart. */
export const canTellApart = (architectures: readonly string[]): boolean =>
  new Set(architectures.map((architecture) => MARKS[architecture])).size > 1;

/** Those of the architectures that the tensors may be of; all where nothing is known to look for. */
export const architecturesOfTensors = (
  architectures: readonly string[],
  tensors: TensorShapes,
  sizes: Sizes,
): string[] => architectures.filter((architecture) => MARKS[architecture]?.(tensors, sizes) ?? true);

/** Some checkpoints hold their network under a name of its own, such as `model.` or `module.`. */
function shapeOf(tensors: TensorShapes, name: string): readonly number[] | undefined {
  const found = [...tensors.keys()].find((each) => each === name || each.endsWith(`.${name}`));
  return found === undefined ? undefined : tensors.get(found);
}

const hasPart = (tensors: TensorShapes, part: string) =>
  [...tensors.keys()].some((name) => `.${name}`.includes(`.${part}`));
