import type { Precision } from '../../config/precision.ts';
import type { Chunking } from './modelYaml.ts';

/** A usable model: one MSST YAML and one checkpoint, both read and checked. */
export interface ModelEntry {
  /** The name used in `model_type`: `[A-Za-z0-9._-]+`, unique ignoring case. */
  name: string;
  /** MSST's model type, such as `mdx23c`. */
  architecture: string;
  /** Absolute; for the worker and the log only. */
  configPath: string;
  checkpointPath: string;
  /** Relative to the project, msst_root or an extra folder; absolute for a listed file outside of these. */
  displayConfigPath: string;
  displayCheckpointPath: string;
  /** All of `training.instruments`, in the YAML's spelling. */
  instruments: readonly string[];
  /** The stems the model can output; only the target instrument if one is set. Never empty. */
  outputs: readonly string[];
  targetInstrument: string | null;
  /** Sample rate in Hz, also of the stems. */
  sampleRate: number;
  stereo: boolean;
  /** How MSST splits mixtures into chunks; null when the YAML does not say. */
  chunking: Chunking | null;
  description: string | null;
  licence: string | null;
  /** Whether the configuration allows unrestricted unpickling of this checkpoint. */
  trustPickle: boolean;
  loraCheckpointPeft: string | null;
  loraCheckpointLoralib: string | null;
  /** The configuration's values for this model; null: the YAML's value. */
  batchSize: number | null;
  numOverlap: number | null;
  precision: Precision;
  /** Whether the model runs through torch.compile. */
  compile: boolean;
  /** Command-line arguments for the MSST in use. */
  msstArguments: readonly string[];
  checkpointBytes: number;
  /** Changes with the model's files and with how it is computed; measurements apply to one version only. */
  version: string;
}

/** A model before its files are read, from the configuration or the scan. */
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
  /** Null: determined from the YAML, the file names or the checkpoint. */
  architecture: string | null;
  /** True, or the sha256 of the only checkpoint that may be unpickled without restrictions. */
  trustPickle: boolean | string;
};

/** The part of the server's log that the catalog uses. */
export interface CatalogLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Quotes and truncates an untrusted text for use in a sentence. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
