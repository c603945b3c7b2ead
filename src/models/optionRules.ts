import { closest } from '../didYouMean.ts';
import type { ParamProblem } from '../errors.ts';
import { quoted, type ModelEntry } from './modelEntry.ts';

/** The stem made by subtraction; a model may also have one of that name of its own. */
const INSTRUMENTAL = 'instrumental';

/** How a task is separated, with nothing left open. */
export interface SeparationOptions {
  /** The model's own stems that are wanted, in its spelling and order; `instrumental` by subtraction not among them. */
  instruments: string[];
  useTta: boolean;
  extractInstrumental: boolean;
  outputFormat: 'wav' | 'flac';
  pcmType: 'PCM_16' | 'PCM_24' | 'FLOAT';
  bigshifts: number;
  /** Null: as the model's YAML says. */
  numOverlap: number | null;
  batchSize: number | null;
}

/** How often the network hears the whole mixture: test-time augmentation adds two passes to each shift. */
export const passesOf = ({ bigshifts, useTta }: Pick<SeparationOptions, 'bigshifts' | 'useTta'>) =>
  bigshifts * (useTta ? 3 : 1);

/** The same as a client wrote it: instruments in any spelling, none for all. */
export type SubmittedOptions = SeparationOptions;

export type ResolvedOptions = { options: SeparationOptions } | { problems: ParamProblem[] };

const LIMITS = { bigshifts: 16, num_overlap: 50, batch_size: 64 } as const;

/** What a numeric option may be, in words. */
export const allowedNumber = (name: keyof typeof LIMITS): string =>
  `a whole number from 1 to ${String(LIMITS[name])}`;

/** More of the same kind would not help the client. */
const MAX_INSTRUMENT_PROBLEMS = 20;

/**
 * Holds what a client asked for against what the model can do.
 *
 * @returns the options as the worker gets them, or every problem at once.
 */
export function resolveOptions(model: ModelEntry, submitted: SubmittedOptions): ResolvedOptions {
  const problems = optionProblems(submitted);
  const instruments = selectInstruments(model, submitted, problems);
  if (problems.length > 0) return { problems };
  return {
    options: {
      ...submitted,
      instruments,
      numOverlap: submitted.numOverlap ?? model.numOverlap,
      batchSize: submitted.batchSize ?? model.batchSize,
    },
  };
}

/** What is wrong whatever the model: to be told also where the model is not known. */
export function optionProblems(submitted: SubmittedOptions): ParamProblem[] {
  return [
    ...encodingProblems(submitted),
    ...limitProblems('bigshifts', submitted.bigshifts),
    ...limitProblems('num_overlap', submitted.numOverlap),
    ...limitProblems('batch_size', submitted.batchSize),
  ];
}

function encodingProblems({ outputFormat, pcmType }: SubmittedOptions): ParamProblem[] {
  if (outputFormat !== 'flac' || pcmType !== 'FLOAT') return [];
  const message = 'FLAC cannot hold FLOAT samples: choose pcm_type PCM_16 or PCM_24, or output_format wav.';
  return [{ name: 'pcm_type', message, received: pcmType, allowed: 'PCM_16, PCM_24' }];
}

function limitProblems(name: keyof typeof LIMITS, value: number | null): ParamProblem[] {
  if (value === null || (Number.isInteger(value) && value >= 1 && value <= LIMITS[name])) return [];
  const allowed = allowedNumber(name);
  return [
    { name, message: `${name} is ${String(value)}; allowed: ${allowed}.`, received: String(value), allowed },
  ];
}

function selectInstruments(
  model: ModelEntry,
  { instruments, extractInstrumental }: SubmittedOptions,
  problems: ParamProblem[],
): string[] {
  const wanted = [...new Set(instruments.map((name) => name.trim()))].filter((name) => name !== '');
  if (wanted.length === 0) return [...model.outputs];
  const selected = new Set<string>();
  const refused: ParamProblem[] = [];
  for (const name of wanted) {
    const own = findOutput(model, name);
    if (own !== undefined) selected.add(own);
    else if (!isInstrumental(name)) refused.push(unknownInstrument(model, name));
    // Asked for by extract_instrumental too, it is made anyway: naming it once more changes nothing.
    else if (!extractInstrumental) refused.push(instrumentalUnasked(model, name));
    if (refused.length === MAX_INSTRUMENT_PROBLEMS) break;
  }
  if (selected.size === 0 && refused.length === 0) refused.push(onlyInstrumental(model));
  problems.push(...refused);
  return model.outputs.filter((output) => selected.has(output));
}

/** The exact spelling goes before the same letters in another case: a model may have both. */
function findOutput(model: ModelEntry, name: string): string | undefined {
  const lower = name.toLowerCase();
  return (
    model.outputs.find((output) => output === name) ??
    model.outputs.find((output) => output.trim().toLowerCase() === lower)
  );
}

const isInstrumental = (name: string) => name.toLowerCase() === INSTRUMENTAL;

function unknownInstrument(model: ModelEntry, name: string): ParamProblem {
  const near = closest(name, model.outputs);
  const hint = near === null ? '' : ` Did you mean ${quoted(near)}?`;
  return {
    name: 'instruments',
    message: `The model ${quoted(model.name)} has no instrument ${quoted(name)}.${hint} Valid: ${model.outputs.join(', ')}.`,
    received: name.slice(0, 80),
    allowed: model.outputs.join(', '),
    ...(near === null ? {} : { did_you_mean: near }),
  };
}

function instrumentalUnasked(model: ModelEntry, name: string): ParamProblem {
  return {
    name: 'instruments',
    message: `The model ${quoted(model.name)} has no instrument ${quoted(name)} of its own: set extract_instrumental=true, which makes one from the rest, and leave it out of instruments. Valid: ${model.outputs.join(', ')}.`,
    received: name,
    allowed: model.outputs.join(', '),
  };
}

function onlyInstrumental(model: ModelEntry): ParamProblem {
  return {
    name: 'instruments',
    message: `instruments names only "instrumental", which extract_instrumental adds anyway: name at least one of ${model.outputs.join(', ')}, or leave instruments out.`,
    received: INSTRUMENTAL,
    allowed: model.outputs.join(', '),
  };
}
