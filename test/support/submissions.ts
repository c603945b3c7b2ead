import fc from 'fast-check';

/** The models that these submissions are for: one is the project's own, the others are to be listed. */
export const LISTED = {
  four: { modelType: 'bs_roformer', instruments: ['Vocals', 'bass', 'Drums', 'other'] },
  voice: { modelType: 'mel_band_roformer', instruments: ['vocals', 'other'], target: 'vocals' },
};
export const MODELS = {
  default: 'four',
  /** As the server lists them. */
  names: ['four', 'voice', 'starter'],
  /** What each can put out. */
  outputs: {
    starter: ['drums', 'bass', 'other'],
    four: ['Vocals', 'bass', 'Drums', 'other'],
    voice: ['vocals'],
  },
} as const;
type ModelName = keyof typeof MODELS.outputs;

/** What a client means, whichever way it writes it. Undefined: it leaves it to the server. */
export interface Meant {
  model: ModelName;
  instruments: string[] | undefined;
  use_tta: boolean | undefined;
  extract_instrumental: boolean | undefined;
  encoding: {
    output_format: 'wav' | 'flac' | undefined;
    pcm_type: 'PCM_16' | 'PCM_24' | 'FLOAT' | undefined;
  };
  bigshifts: number | undefined;
  num_overlap: number | undefined;
  batch_size: number | undefined;
}

type Fields = Record<string, string | string[]>;

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const caseOf = (text: string) =>
  fc.mixedCase(fc.constant(text)).map((mixed) => (mixed.length === text.length ? mixed : text));
const padding = fc.constantFrom('', ' ', '\t');
const padded = (text: fc.Arbitrary<string>) =>
  fc.tuple(padding, text, padding).map((parts) => parts.join(''));
/** A parameter that is not given is left out, or empty. */
const absent = fc.constantFrom(undefined, '');

const model: fc.Arbitrary<ModelName> = fc.constantFrom('starter', 'four', 'voice');

const meant: fc.Arbitrary<Meant> = model.chain((name) =>
  fc.record({
    model: fc.constant(name),
    instruments: maybe(fc.subarray([...MODELS.outputs[name]], { minLength: 1 })),
    use_tta: maybe(fc.boolean()),
    extract_instrumental: maybe(fc.boolean()),
    encoding: fc
      .record({
        output_format: maybe(fc.constantFrom('wav' as const, 'flac' as const)),
        pcm_type: maybe(fc.constantFrom('PCM_16' as const, 'PCM_24' as const, 'FLOAT' as const)),
      })
      .filter(({ output_format, pcm_type }) => output_format !== 'flac' || pcm_type !== 'FLOAT'),
    bigshifts: maybe(fc.integer({ min: 1, max: 16 })),
    num_overlap: maybe(fc.integer({ min: 1, max: 50 })),
    batch_size: maybe(fc.integer({ min: 1, max: 64 })),
  }),
);

const writeModel = (name: ModelName) => {
  const architecture = { starter: 'mdx23c', four: 'bs_roformer', voice: 'mel_band_roformer' }[name];
  const named = fc.oneof(caseOf(name), caseOf(architecture));
  return name === MODELS.default ? fc.oneof(absent, named) : named;
};

const writeBoolean = (value: boolean | undefined) =>
  value === undefined
    ? absent
    : padded(fc.constantFrom(...(value ? ['true', '1', 'yes'] : ['false', '0', 'no'])).chain(caseOf));

const writeText = (value: string | undefined) => (value === undefined ? absent : padded(fc.constant(value)));

const writeNumber = (value: number | undefined) =>
  value === undefined ? absent : padded(fc.constantFrom(String(value), `0${String(value)}`));

/** Repeated, as a comma list or as a JSON list; in any order and case, and some of them twice. */
function writeInstruments(names: string[] | undefined): fc.Arbitrary<string | string[] | undefined> {
  if (names === undefined) return absent;
  return fc
    .tuple(fc.shuffledSubarray(names, { minLength: names.length }), fc.subarray(names))
    .chain(([all, again]) => fc.tuple(...[...all, ...again].map(caseOf)))
    .chain((list) =>
      fc.constantFrom<string | string[]>(list, list.join(','), ` ${list.join(' , ')},`, JSON.stringify(list)),
    );
}

const written = (given: Meant): fc.Arbitrary<Fields> =>
  fc
    .record({
      model_type: writeModel(given.model),
      instruments: writeInstruments(given.instruments),
      use_tta: writeBoolean(given.use_tta),
      extract_instrumental: writeBoolean(given.extract_instrumental),
      output_format: writeText(given.encoding.output_format),
      pcm_type: writeText(given.encoding.pcm_type),
      bigshifts: writeNumber(given.bigshifts),
      num_overlap: writeNumber(given.num_overlap),
      batch_size: writeNumber(given.batch_size),
    })
    .map(
      (fields) =>
        Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields,
    );

/** A form that must be taken, with what its client means by it. */
export const validSubmission = meant.chain((given) =>
  written(given).map((fields) => ({ fields, meant: given })),
);

/** What the task has to say it runs with. */
export function expectedParameters(given: Meant) {
  const outputs: readonly string[] = MODELS.outputs[given.model];
  return {
    instruments: outputs.filter((name) => given.instruments?.includes(name) ?? true),
    use_tta: given.use_tta ?? false,
    extract_instrumental: given.extract_instrumental ?? false,
    output_format: given.encoding.output_format ?? 'wav',
    pcm_type: given.encoding.pcm_type ?? 'PCM_24',
    bigshifts: given.bigshifts ?? 1,
    num_overlap: given.num_overlap ?? null,
    batch_size: given.batch_size ?? null,
  };
}

// --- what must be refused -------------------------------------------------------------------------------

const anyText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 });
const except = (...allowed: string[]) => anyText.filter((text) => !allowed.includes(text.trim()));
const booleans = ['true', 'false', '1', '0', 'yes', 'no'];
const badBoolean = fc.oneof(
  fc.constantFrom('maybe', 'on', 'truee', '2', ' ', 'null'),
  anyText.filter((text) => !booleans.includes(text.trim().toLowerCase())),
);
const badNumber = (most: number) =>
  fc.oneof(
    fc.constantFrom('0', '-1', '1.0', '1e1', '0x2', 'two', ' ', '१', '9'.repeat(30), String(most + 1)),
    fc.integer({ min: most + 1, max: 999_999_999 }).map(String),
    anyText.filter((text) => !/^\d+$/.test(text.trim())),
  );
const badModel = fc.oneof(
  fc.constantFrom('fuor', 'htdemucs', '__proto__', '../four', ' ', 'four\0'),
  anyText.filter((text) => !/^(four|voice|starter|mdx23c|bs_roformer|mel_band_roformer)$/i.test(text)),
);
const badInstruments = fc.oneof(
  fc.constantFrom('vox', '[1]', '[', '["drums"', '[{}]', '__proto__', 'drums;bass'),
  fc.stringMatching(/^x[a-z]{1,12}$/).map((name) => ['other', name]),
);
const KNOWN = [
  'file',
  'audio',
  'model_type',
  'instruments',
  'use_tta',
  'extract_instrumental',
  'output_format',
  'pcm_type',
  'bigshifts',
  'num_overlap',
  'batch_size',
];
const unknownField = fc.oneof(
  fc.constantFrom('Model_Type', 'use-tta', 'format', '__proto__', 'constructor', 'files'),
  // Clients and parsers differ in how a quotation mark or a backslash in a name is written.
  fc
    .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 120 })
    .filter((name) => !KNOWN.includes(name) && !/["\\]/.test(name)),
);
const twice = (value: string): fc.Arbitrary<string[]> => fc.constant([value, value]);

/** How each parameter can be wrong by itself. */
const mistakes = {
  use_tta: fc.oneof(badBoolean, twice('true')),
  extract_instrumental: fc.oneof(badBoolean, twice('no')),
  output_format: fc.oneof(fc.constantFrom('mp3', 'WAV', 'fla c'), except('wav', 'flac'), twice('wav')),
  pcm_type: fc.oneof(
    fc.constantFrom('PCM_8', 'pcm_24', 'DOUBLE'),
    except('PCM_16', 'PCM_24', 'FLOAT'),
    twice('PCM_16'),
  ),
  bigshifts: fc.oneof(badNumber(16), twice('1')),
  num_overlap: fc.oneof(badNumber(50), twice('2')),
  batch_size: fc.oneof(badNumber(64), twice('1')),
  model_type: fc.oneof(badModel, twice('four')),
  instruments: badInstruments,
};

/** A form that is wrong in at least one place: `bad` names every such place, `files` says how many it holds. */
export const badSubmission = fc
  .record({
    valid: validSubmission,
    wrong: fc.record(mistakes, { requiredKeys: [] }),
    unknown: fc.uniqueArray(unknownField, { maxLength: 2 }),
    files: fc.constantFrom(1, 1, 1, 0, 2),
  })
  .map(({ valid, wrong, unknown, files }) => {
    const unknownFields = unknown.map((name) => [name, 'x'] as const);
    const fields: Fields = { ...valid.fields, ...wrong, ...Object.fromEntries(unknownFields) };
    const bad = [...Object.keys(wrong), ...unknown, ...(files === 1 ? [] : ['file'])];
    return { fields, bad, files, model: 'model_type' in wrong ? null : valid.meant.model };
  })
  .filter(({ bad, fields }) => bad.length > 0 && isOnlyWrongWhereSaid(bad, fields));

/** Instruments of a model that is not known cannot be judged; FLAC with FLOAT is wrong in its pcm_type. */
function isOnlyWrongWhereSaid(bad: string[], fields: Fields): boolean {
  const canJudgeInstruments =
    !bad.includes('model_type') || !bad.includes('instruments') || fields['instruments'] === '[';
  const format = String(fields['output_format'] ?? '').trim();
  return canJudgeInstruments && !(format === 'flac' && String(fields['pcm_type'] ?? '').trim() === 'FLOAT');
}

/** How a form field is named in an answer: long names are cut. */
export const shownName = (name: string) => (name.length > 80 ? `${name.slice(0, 80)}…` : name);
