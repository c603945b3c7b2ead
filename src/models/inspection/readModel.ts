import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { checkCheckpoint } from './checkpoint/checkpointFile.ts';
import { fileVersion } from './fileVersion.ts';
import { findLoraProblem, loraFiles } from './loraCheckpoint.ts';
import type { ModelCandidate, ModelEntry } from './modelEntry.ts';
import { readModelYaml } from './modelYaml.ts';
import { tellArchitecture } from './tellArchitecture.ts';

/** The result of reading a model's files. */
export type ModelReading = ({ ok: true; entry: ModelEntry } | { ok: false; problem: string }) & {
  architecture: string | null;
  /** Notes for the administrator on how the architecture was determined, as clauses. */
  notes: string[];
};

/** Facts that are the same for every model of a server. */
export interface ModelSurroundings {
  /** Folders that displayed paths are relative to. */
  roots: readonly string[];
  /** All architectures that the MSST in use builds; null when unknown. */
  knownArchitectures: readonly string[] | null;
}

/** The version of a model: changes when a file appears, disappears or changes, and with how it is computed. */
export async function modelVersion(candidate: ModelCandidate): Promise<string> {
  const { configPath, checkpointPath } = candidate;
  const paths = [configPath, checkpointPath, ...(await loraFiles(candidate))];
  const versions = await Promise.all(paths.map(fileVersion));
  const files = versions.map((version) => version ?? 'none');
  return [...files, ...describeComputing(candidate)].join(' ');
}

/** Empty for the defaults, so that measurements from before these options existed still apply. */
function describeComputing({ precision, compile, msstArguments }: ModelCandidate): string[] {
  return [...(precision === 'fp32' ? [] : [precision]), ...(compile ? ['compiled'] : []), ...msstArguments];
}

/**
 * Reads a model's YAML and checks its checkpoint.
 *
 * @param version result of `modelVersion` from before reading, so that a concurrent change is detected later
 * @returns the model, or a clause (without a path) that says why it cannot be used. Never throws.
 */
export async function readModel(
  candidate: ModelCandidate,
  version: string,
  { roots, knownArchitectures }: ModelSurroundings,
): Promise<ModelReading> {
  const config = await readModelYaml(candidate.configPath);
  if (!config.ok) return { ...config, architecture: candidate.architecture, notes: [] };
  const { lacking, ...told } = await tellArchitecture(candidate, config.yaml, knownArchitectures);
  const { architecture, notes } = told;
  if (architecture === null) return { ok: false, problem: notes.join('; '), architecture, notes: [] };
  if (lacking !== undefined) return { ok: false, problem: lacking, ...told };
  const checkpoint = await checkCheckpoint(candidate.checkpointPath);
  if (!checkpoint.ok) return { ...checkpoint, ...told };
  const problem = (await findLoraProblem(candidate)) ?? (await findTrustProblem(candidate));
  if (problem !== null) return { ok: false, problem, ...told };

  const { instruments, targetInstrument, sampleRate, stereo, chunking, demucsChunking } = config.yaml;
  const entry: ModelEntry = {
    ...candidate,
    architecture,
    displayConfigPath: displayPath(candidate.configPath, roots),
    displayCheckpointPath: displayPath(candidate.checkpointPath, roots),
    instruments,
    outputs: targetInstrument === null ? instruments : [targetInstrument],
    targetInstrument,
    sampleRate,
    stereo,
    chunking: architecture === 'htdemucs' ? demucsChunking : chunking,
    description: candidate.description ?? config.yaml.description,
    licence: candidate.licence ?? config.yaml.licence,
    trustPickle: candidate.trustPickle !== false,
    checkpointBytes: checkpoint.sizeBytes,
    version,
  };
  return { ok: true, entry, ...told };
}

/** Checks a pinned sha256: a replaced checkpoint must not inherit the trust in the old one. */
async function findTrustProblem({ trustPickle, checkpointPath }: ModelCandidate): Promise<string | null> {
  if (typeof trustPickle === 'boolean') return null;
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(checkpointPath), hash);
  } catch {
    return 'its checkpoint cannot be read';
  }
  if (hash.digest('hex') === trustPickle.trim().toLowerCase()) return null;
  return 'its checkpoint does not have the sha256 given in `trust_pickle`';
}

/** The path relative to the first root that contains the file; unchanged if none does. */
function displayPath(file: string, roots: readonly string[]): string {
  for (const root of roots) {
    const relative = path.relative(root, file);
    if (relative.split(path.sep)[0] !== '..') return relative;
  }
  return file;
}
