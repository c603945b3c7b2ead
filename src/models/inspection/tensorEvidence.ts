import type { ModelYaml } from './modelYaml.ts';
import type { TensorShapes } from './checkpoint/pickledTensors.ts';

/** The facts of a YAML that tensor shapes depend on. */
type Sizes = Pick<ModelYaml, 'subbands' | 'stereo'>;
/** Whether a checkpoint can belong to an architecture, judged by its tensors' names and shapes. */
type Mark = (tensors: TensorShapes, sizes: Sizes) => boolean;

const isBandSplit =
  ({ normsAtTheEnd }: { normsAtTheEnd: boolean }): Mark =>
  (tensors) =>
    hasPart(tensors, 'band_split.') && hasPart(tensors, 'final_norm.') === normsAtTheEnd;
const overBands = isBandSplit({ normsAtTheEnd: true });
const overMelBands = isBandSplit({ normsAtTheEnd: false });

/** Checks the first layer's inputs per band and channel: two with a Fourier transform, one with Hartley's. */
const perBand =
  (inputs: number): Mark =>
  (tensors, { subbands, stereo }) =>
    subbands !== null && shapeOf(tensors, 'first_conv.weight')?.[1] === inputs * subbands * (stereo ? 2 : 1);

const scnetWith =
  (...parts: string[]): Mark =>
  (tensors) =>
    hasPart(tensors, 'separation_net.') &&
    ['mask_layer.', 'first_conv.'].every((part) => hasPart(tensors, part) === parts.includes(part));

/** What distinguishes networks whose YAMLs may have the same keys, by the tensor names of MSST's classes. */
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

/** Whether a checkpoint's tensors can distinguish these architectures. */
export const canTellApart = (architectures: readonly string[]): boolean =>
  new Set(architectures.map((architecture) => MARKS[architecture])).size > 1;

/** The architectures that the tensors are compatible with; those without a known mark are kept. */
export const architecturesOfTensors = (
  architectures: readonly string[],
  tensors: TensorShapes,
  sizes: Sizes,
): string[] => architectures.filter((architecture) => MARKS[architecture]?.(tensors, sizes) ?? true);

/** Finds a shape by name, with or without a prefix such as `model.` or `module.`. */
function shapeOf(tensors: TensorShapes, name: string): readonly number[] | undefined {
  const found = [...tensors.keys()].find((each) => each === name || each.endsWith(`.${name}`));
  return found === undefined ? undefined : tensors.get(found);
}

const hasPart = (tensors: TensorShapes, part: string) =>
  [...tensors.keys()].some((name) => `.${name}`.includes(`.${part}`));
