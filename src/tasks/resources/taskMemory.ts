import { longestMixtureSeconds, separationBytes, usableBytes } from './memoryEstimate.ts';
import type { ModelEntry } from '../../models/inspection/modelEntry.ts';
import type { SeparationOptions } from '../../contract/options.ts';
import { choosePieceSeconds, LONGEST_PIECE } from './pieces.ts';
import type { Task } from '../task.ts';

/** The parts of a model that determine a task's memory. */
export type SizedModel = Pick<ModelEntry, 'sampleRate' | 'outputs' | 'chunking'>;

/** The parts of a task that determine its memory. */
type SizedTask = { options: SeparationOptions; mixture: Pick<Task['mixture'], 'durationSeconds'> };

/** Estimated host memory of a task in bytes; 0 when its model is gone, because it will only fail. */
export function taskBytes(task: SizedTask, model: SizedModel | null): number {
  if (!model) return 0;
  const seconds = pieceSeconds(task, model);
  // In pieces, each rotation (bigshifts) is processed by itself and their sum is kept on disk.
  if (seconds !== null)
    return separationBytes({ ...sizeOf(task, model), bigshifts: 1 }, LONGEST_PIECE * seconds);
  return wholeBytes(task, model);
}

/** Estimated host memory when separated as a whole, in bytes. */
export function wholeBytes(task: SizedTask, model: SizedModel): number {
  return separationBytes(sizeOf(task, model), task.mixture.durationSeconds);
}

/** Length of the pieces it is separated in, in seconds; null: as a whole. */
export function pieceSeconds({ options, mixture }: SizedTask, model: SizedModel): number | null {
  const { chunking, sampleRate } = model;
  const chosen = chunking && {
    ...chunking,
    numOverlap: options.numOverlap ?? chunking.numOverlap,
    batchSize: options.batchSize ?? chunking.batchSize,
  };
  return choosePieceSeconds(chosen, sampleRate, mixture.durationSeconds);
}

/** The longest mixture, in seconds, that a host with this much memory can separate. */
export function longestSeconds(options: SeparationOptions, model: SizedModel, memoryBytes: number): number {
  const endless = { options, mixture: { durationSeconds: Infinity } };
  const isCut = pieceSeconds(endless, model) !== null;
  if (isCut && taskBytes(endless, model) <= usableBytes(memoryBytes)) return Infinity;
  return longestMixtureSeconds(sizeOf(endless, model), memoryBytes);
}

/** Temporary disk space of a running task besides its stems, in bytes: a mixture in pieces is decoded to disk. */
export function scratchBytes(task: SizedTask, model: SizedModel): number {
  if (pieceSeconds(task, model) === null) return 0;
  const { bigshifts, stems, sampleRate } = sizeOf(task, model);
  const files = 1 + (bigshifts > 1 ? stems : 0);
  return files * sampleRate * BYTES_PER_FRAME * task.mixture.durationSeconds;
}

/** Temporary disk space of a staged mixture, a stereo WAV of 32-bit floats, in bytes. */
export const stagedBytes = ({
  durationSeconds,
  sampleRate,
}: Pick<Task['mixture'], 'durationSeconds' | 'sampleRate'>) => durationSeconds * sampleRate * BYTES_PER_FRAME;

const BYTES_PER_FRAME = 2 * 4;

function sizeOf({ options }: SizedTask, { sampleRate, outputs }: SizedModel) {
  return { sampleRate, stems: outputs.length, bigshifts: options.bigshifts };
}
