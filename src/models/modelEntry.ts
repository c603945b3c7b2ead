import type { Precision } from '../config/precision.ts';
import type { Chunking } from './modelYaml.ts';

/** A model that a task can use: one MSST YAML and one checkpoint, both read and found usable. */
export interface ModelEntry {
  /** What `model_type` names: `[A-Za-z0-9._-]+`, unique without regard to case. */
  name: string;
  /** MSST's own model type, such as `mdx23c`. */
  architecture: string;
  /** Absolute, for the worker and the log only. */
  configPath: string;
  checkpointPath: string;
  /** Relative to the project, msst_root or an extra folder; absolute where the configuration names a file outside. */
  displayConfigPath: string;
  displayCheckpointPath: string;
  /** All of `training.instruments`, in the YAML's spelling. */
  instruments: readonly string[];
  /** The stems the model can put out: its target alone where one is set. Never empty. */
  outputs: readonly string[];
  targetInstrument: string | null;
  /** Hz, of the stems too. */
  sampleRate: number;
  stereo: boolean;
  /** How MSST cuts mixtures up for the network; null: the YAML does not tell. */
  chunking: Chunking | null;
  description: string | null;
  licence: string | null;
  /** The configuration lets this very checkpoint be unpickled without restraint. */
  trustPickle: boolean;
  loraCheckpointPeft: string | null;
  loraCheckpointLoralib: string | null;
  /** The configuration's own values for this model; null: as the YAML says. */
  batchSize: number | null;
  numOverlap: number | null;
  precision: Precision;
  /** Computed through torch.compile. */
  compile: boolean;
  /** Words of a command line for the MSST in use. */
  msstArguments: readonly string[];
  checkpointBytes: number;
  /** Changes whenever one of the model's files does, or how it is computed: what was learnt about another version does not hold. */
  version: string;
}

/** What is known of a model before its files are read: from the configuration, or from the scan. */
export type ModelCandidate = Pick<
  ModelEntry,
  | 'name'
  | 'configPath'
  | 'checkpointPath'
  | 'description'
  | 'licence'
  | 'loraCheckpointPeft'
  | 'loraCheckpointLoralib'
  | 'batchSize'
  | 'numOverlap'
  | 'precision'
  | 'compile'
  | 'msstArguments'
> & {
  /** Null: the YAML or its name tells. */
  architecture: string | null;
  /** True, or the sha256 of the one checkpoint that may be unpickled without restraint. */
  trustPickle: boolean | string;
};

/** The part of the server's log that the catalog uses. */
export interface CatalogLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A text of unknown origin, quoted and cut short, fit to stand in a sentence. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
