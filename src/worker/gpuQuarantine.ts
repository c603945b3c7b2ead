import type { Clock } from '../clock.ts';
import { createCircuit, type Circuit } from './circuit.ts';

/** Workers on one GPU that ended so often in a row because it failed them: the next would, too. */
const FAILURES = 2;

/** Which GPUs are left alone: their workers said at their end that the GPU does nothing more for them. */
export interface GpuQuarantine {
  /** A worker on it ended so. */
  failed(gpu: string): void;
  /** A worker on it did its part: whatever was before it counts no more. */
  worked(gpu: string): void;
  /** Whether it is in quarantine, until a worker on it does its part. */
  has(gpu: string): boolean;
  /** How long nothing is to be tried on it (ms). When that is over and it is in quarantine still, one worker may. */
  restMs(gpu: string): number;
}

/**
 * Builds it. Where there is one GPU only there is no quarantine: nothing else could do the work meanwhile, and it
 * may well be a task that makes it fail.
 */
export function createGpuQuarantine(
  gpus: readonly string[],
  clock: Clock,
  quarantineMs: number,
): GpuQuarantine {
  const places = new Map<string, { circuit: Circuit; until: number }>();
  const distinct = new Set(gpus);
  if (distinct.size > 1) {
    for (const gpu of distinct) {
      places.set(gpu, { circuit: createCircuit(clock, quarantineMs, Math.random, FAILURES), until: 0 });
    }
  }
  return {
    failed(gpu) {
      const place = places.get(gpu);
      if (!place) return;
      // How long the worker lived says nothing here: GPUs fail after months.
      place.circuit.died(0);
      place.until = clock.monotonic() + place.circuit.delayMs();
    },
    worked: (gpu) => places.get(gpu)?.circuit.worked(),
    has: (gpu) => places.get(gpu)?.circuit.isOpen ?? false,
    restMs(gpu) {
      const place = places.get(gpu);
      return place?.circuit.isOpen ? Math.max(0, place.until - clock.monotonic()) : 0;
    },
  };
}
