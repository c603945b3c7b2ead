/**
 * The options of a separation, each written once. The form's parser and its messages, the limits, the OpenAPI document,
 * `parameters` of a task, and the protocol with the workers all follow from this table.
 *
 * To add an option: add a row here and the field of `SeparateOptions` in `python_worker/protocol.py`;
 * `test/unit/contract/options.test.ts` holds one to the other.
 */
export const OPTIONS = {
  instruments: {
    kind: 'names',
    key: 'instruments',
    /** No model has this many stems, and no stem a name this long. */
    mostNames: 200,
    longestName: 200,
    example: ['drums', 'bass'],
    exampleOfAll: ['drums', 'bass', 'other'],
    description:
      'The stems to return: a repeated field, a comma-separated list or a JSON list; at most 200 names. Default: all.',
  },
  use_tta: {
    kind: 'flag',
    key: 'useTta',
    description: 'Test-time augmentation: three passes instead of one. Default: false.',
  },
  extract_instrumental: {
    kind: 'flag',
    key: 'extractInstrumental',
    description: 'Adds the stem `instrumental`: the mixture minus the vocals. Default: false.',
  },
  output_format: {
    kind: 'choice',
    key: 'outputFormat',
    values: ['wav', 'flac'],
    fallback: 'wav',
    description: 'The container of all stems. Default: wav.',
  },
  pcm_type: {
    kind: 'choice',
    key: 'pcmType',
    values: ['PCM_16', 'PCM_24', 'FLOAT'],
    fallback: 'PCM_24',
    description: 'Sample format. Default: PCM_24. FLOAT is for WAV only.',
  },
  bigshifts: {
    kind: 'whole',
    key: 'bigshifts',
    most: 16,
    fallback: 1,
    example: 1,
    description: 'Number of time shifts to average over, 1 to 16. Default: 1.',
  },
  num_overlap: {
    kind: 'whole',
    key: 'numOverlap',
    most: 50,
    fallback: null,
    example: 2,
    description: "Number of windows that cover each sample, 1 to 50. Default: the value in the model's YAML.",
  },
  batch_size: {
    kind: 'whole',
    key: 'batchSize',
    most: 64,
    fallback: null,
    example: 1,
    description: "Number of chunks computed at once, 1 to 64. Default: the value in the model's YAML.",
  },
} as const satisfies Record<string, Option>;

/** One option; `key` is its name within the server, the row's name that on every wire. */
export type Option = { key: string; description: string } & (
  | {
      kind: 'names';
      mostNames: number;
      longestName: number;
      example: readonly string[];
      exampleOfAll: readonly string[];
    }
  | { kind: 'flag' }
  | { kind: 'choice'; values: readonly [string, ...string[]]; fallback: string }
  /** A whole number from 1 to `most`; a fallback of null: the value of the model's YAML. */
  | { kind: 'whole'; most: number; fallback: number | null; example: number }
);

/** The name of an option on the wire: in the form, in `parameters` and in the protocol. */
export type OptionName = keyof typeof OPTIONS;

/** The type of an option's value. */
export type OptionValue<Name extends OptionName> = (typeof OPTIONS)[Name] extends infer Row
  ? Row extends { kind: 'flag' }
    ? boolean
    : Row extends { kind: 'choice'; values: readonly (infer Value)[] }
      ? Value
      : Row extends { kind: 'whole'; fallback: infer Fallback }
        ? null extends Fallback
          ? number | null
          : number
        : string[]
  : never;

/**
 * The fully resolved options of a separation, as the server holds and stores them. `instruments` are the requested stems
 * in the model's spelling and order, excluding an `instrumental` made by subtraction.
 */
export type SeparationOptions = {
  [Name in OptionName as (typeof OPTIONS)[Name]['key']]: OptionValue<Name>;
};

/** The same under their names on the wire. */
export type WireOptions = { [Name in OptionName]: OptionValue<Name> };

/** The names of all options, in the order of the table. */
export const optionNames = Object.keys(OPTIONS) as OptionName[];

/** Gives the options their names on the wire. */
export function optionsToWire(options: SeparationOptions): WireOptions {
  return Object.fromEntries(optionNames.map((name) => [name, options[OPTIONS[name].key]])) as WireOptions;
}

/**
 * Builds the options from a value for each.
 *
 * @param valueOf gives an option's value by its name on the wire
 */
export function makeOptions(valueOf: (name: OptionName) => OptionValue<OptionName>): SeparationOptions {
  return Object.fromEntries(
    optionNames.map((name) => [OPTIONS[name].key, valueOf(name)]),
  ) as SeparationOptions;
}

/** The allowed range of a numeric option, in words. */
export const allowedNumber = ({ most }: { most: number }): string =>
  `a whole number from 1 to ${String(most)}`;

/** Number of passes over the mixture: test-time augmentation adds two to each shift. */
export const passesOf = ({ bigshifts, useTta }: Pick<SeparationOptions, 'bigshifts' | 'useTta'>) =>
  bigshifts * (useTta ? 3 : 1);
