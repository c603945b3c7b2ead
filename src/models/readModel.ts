import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { checkCheckpoint } from './checkpointFile.ts';
import { fileVersion } from './fileVersion.ts';
import { findLoraProblem, loraFiles } from './loraCheckpoint.ts';
import type { ModelCandidate, ModelEntry } from './modelEntry.ts';
import { readModelYaml } from './modelYaml.ts';
import { tellArchitecture } from './tellArchitecture.ts';

/** What a model's files came to. */
export type ModelReading = ({ ok: true; entry: ModelEntry } | { ok: false; problem: string }) & {
  architecture: string | null;
  /** What a person should know of how it was told, in clauses. */
  notes: string[];
};

/** What holds for every model of a server. */
export interface ModelSurroundings {
  /** Folders that paths are shown relative to. */
  roots: readonly string[];
  /** The architectures that the MSST in use builds, all of them; null: it does not tell. */
  knownArchitectures: readonly string[] | null;
}

/** The version of a model: it differs when one of its files comes, goes or changes, and when it is computed otherwise. */
export async function modelVersion(candidate: ModelCandidate): Promise<string> {
  const { configPath, checkpointPath } = candidate;
  const paths = [configPath, checkpointPath, ...(await loraFiles(candidate))];
  const versions = await Promise.all(paths.map(fileVersion));
  const files = versions.map((version) => version ?? 'none');
  return [...files, ...describeComputing(candidate)].join(' ');
}

/** Nothing for the usual way, so that what was learnt of a model before there was another still holds. */
function describeComputing({ precision, compile, msstArguments }: ModelCandidate): string[] {
  return [...(precision === 'fp32' ? [] : [precision]), ...(compile ? ['compiled'] : []), ...msstArguments];
}

/**
 * Reads a model's YAML and opens its checkpoint.
 *
 * @param version what `modelVersion` gave before; a file that changes meanwhile is then read again later.
 * @returns the model, or a clause (no path in it) that says why it cannot be used. Never throws.
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

/** A pinned checkpoint that was exchanged must not inherit the trust in the old one. */
async function findTrustProblem({ trustPickle, checkpointPath }: ModelCandidate): Promise<string | null> {
  if (typeof trustPickle === 'boolean') return null;
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(checkpointPath), hash);
  } catch {
    return 'its checkpoint cannot be read';
  }
  if (hash.digest('hex') === trustPickle.trim().toLowerCase()) return null;
  return 'its checkpoint is not the one whose sha256 stands at `trust_pickle`';
}

/** Relative to the first root that holds the file; as it is where none does. */
function displayPath(file: string, roots: readonly string[]): string {
  for (const root of roots) {
    const relative = path.relative(root, file);
    if (relative.split(path.sep)[0] !== '..') return relative;
  }
  return file;
}
