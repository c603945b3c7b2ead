import { separationBytes } from '../audio/memoryEstimate.ts';
import type { ModelEntry } from '../models/modelEntry.ts';
import type { Task } from './task.ts';

/** Bytes of host memory that a task will take. One whose model is gone takes none: it is only to fail. */
export function taskBytes(
  { options, mixture }: Pick<Task, 'options' | 'mixture'>,
  model: Pick<ModelEntry, 'sampleRate' | 'outputs'> | null,
): number {
  if (!model) return 0;
  const size = { sampleRate: model.sampleRate, stems: model.outputs.length, bigshifts: options.bigshifts };
  return separationBytes(size, mixture.durationSeconds);
}
