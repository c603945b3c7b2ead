import type { SeparationOptions } from '../contract/options.ts';

/** One pass of a recording through a model: what is claimed, admitted, estimated, run and timed. */
export interface PlanStep {
  /** Exact name. */
  model: string;
  /** The model's version at submission, if it was recorded. */
  version?: string;
  options: SeparationOptions;
}

/** The steps of a task, in order, as they are stored. A plain separation is a plan of one. */
export interface Plan {
  v: 1;
  steps: readonly PlanStep[];
}

/**
 * The step at a position of a plan, from 0.
 *
 * @throws {Error} when the plan has none there
 */
export function stepAt({ steps }: Plan, position: number): PlanStep {
  const step = steps[position];
  if (!step) throw new Error(`a plan of ${String(steps.length)} steps has no step ${String(position)}`);
  return step;
}
