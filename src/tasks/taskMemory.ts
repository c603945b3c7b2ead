import { longestMixtureSeconds, separationBytes, usableBytes } from '../audio/memoryEstimate.ts';
import type { ModelEntry } from '../models/modelEntry.ts';
import type { SeparationOptions } from '../models/optionRules.ts';
import { choosePieceSeconds, LONGEST_PIECE } from './pieces.ts';
import type { Task } from './task.ts';

/** What the memory of a task depends on, of its model. */
export type SizedModel = Pick<ModelEntry, 'sampleRate' | 'outputs' | 'chunking'>;

/** And of the task itself. */
type SizedTask = { options: SeparationOptions; mixture: Pick<Task['mixture'], 'durationSeconds'> };

/** Bytes of host memory that a task will take. One whose model is gone takes none: it is only to fail. */
export function taskBytes(task: SizedTask, model: SizedModel | null): number {
  if (!model) return 0;
  const seconds = pieceSeconds(task, model);
  // Each rotation of a mixture in pieces is a mixture of its own; their sum is on the disk.
  if (seconds !== null)
    return separationBytes({ ...sizeOf(task, model), bigshifts: 1 }, LONGEST_PIECE * seconds);
  return wholeBytes(task, model);
}

/** What it would take as a whole. */
export function wholeBytes(task: SizedTask, model: SizedModel): number {
  return separationBytes(sizeOf(task, model), task.mixture.durationSeconds);
}

/** How long the pieces are that it goes through MSST in; null: as a whole. */
export function pieceSeconds({ options, mixture }: SizedTask, model: SizedModel): number | null {
  const { chunking, sampleRate } = model;
  const chosen = chunking && {
    ...chunking,
    numOverlap: options.numOverlap ?? chunking.numOverlap,
    batchSize: options.batchSize ?? chunking.batchSize,
  };
  return choosePieceSeconds(chosen, sampleRate, mixture.durationSeconds);
}

/** The longest mixture, in seconds, that a host with so much memory can separate. */
export function longestSeconds(options: SeparationOptions, model: SizedModel, memoryBytes: number): number {
  const endless = { options, mixture: { durationSeconds: Infinity } };
  const isCut = pieceSeconds(endless, model) !== null;
  if (isCut && taskBytes(endless, model) <= usableBytes(memoryBytes)) return Infinity;
  return longestMixtureSeconds(sizeOf(endless, model), memoryBytes);
}

/** Bytes of the disk that a task takes while it runs, beside its stems: a mixture in pieces is decoded onto it. */
export function scratchBytes(task: SizedTask, model: SizedModel): number {
  if (pieceSeconds(task, model) === null) return 0;
  const { bigshifts, stems, sampleRate } = sizeOf(task, model);
  const files = 1 + (bigshifts > 1 ? stems : 0);
  return files * sampleRate * BYTES_PER_FRAME * task.mixture.durationSeconds;
}

const BYTES_PER_FRAME = 2 * 4;

function sizeOf({ options }: SizedTask, { sampleRate, outputs }: SizedModel) {
  return { sampleRate, stems: outputs.length, bigshifts: options.bigshifts };
}
