import {
  allowedNumber,
  OPTIONS,
  optionNames,
  type OptionName,
  type SeparationOptions,
} from '../../contract/options.ts';
import { closest } from '../../didYouMean.ts';
import type { ParamProblem } from '../../errors.ts';
import { quoted, type ModelEntry } from '../inspection/modelEntry.ts';

/** The stem made by subtraction; a model may also output a stem of this name. */
const INSTRUMENTAL = 'instrumental';

/** Options as the client sent them: instruments in any spelling; none means all. */
export type SubmittedOptions = SeparationOptions;

export type ResolvedOptions = { options: SeparationOptions } | { problems: ParamProblem[] };

/** Limit on reported instrument problems; more would not help the client. */
const MAX_INSTRUMENT_PROBLEMS = 20;

/**
 * Checks submitted options against the model's capabilities.
 *
 * @returns the resolved options, or all problems at once
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

/** Problems that do not depend on the model, so they can be reported even when the model is unknown. */
export function optionProblems(submitted: SubmittedOptions): ParamProblem[] {
  return [
    ...encodingProblems(submitted),
    ...optionNames.flatMap((name) => limitProblems(name, submitted[OPTIONS[name].key])),
  ];
}

function encodingProblems({ outputFormat, pcmType }: SubmittedOptions): ParamProblem[] {
  if (outputFormat !== 'flac' || pcmType !== 'FLOAT') return [];
  const message = 'FLAC cannot hold FLOAT samples: choose pcm_type PCM_16 or PCM_24, or output_format wav.';
  return [{ name: 'pcm_type', message, received: pcmType, allowed: 'PCM_16, PCM_24' }];
}

function limitProblems(name: OptionName, value: SeparationOptions[keyof SeparationOptions]): ParamProblem[] {
  const option = OPTIONS[name];
  if (option.kind !== 'whole' || typeof value !== 'number') return [];
  if (Number.isInteger(value) && value >= 1 && value <= option.most) return [];
  const allowed = allowedNumber(option);
  const received = String(value);
  return [{ name, message: `${name} is ${received}; allowed: ${allowed}.`, received, allowed }];
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
    // With extract_instrumental it is made anyway: naming it too changes nothing.
    else if (!extractInstrumental) refused.push(instrumentalUnasked(model, name));
    if (refused.length === MAX_INSTRUMENT_PROBLEMS) break;
  }
  if (selected.size === 0 && refused.length === 0) refused.push(onlyInstrumental(model));
  problems.push(...refused);
  return model.outputs.filter((output) => selected.has(output));
}

/** Finds an output; an exact match takes precedence over one that ignores case, as a model may have both. */
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
