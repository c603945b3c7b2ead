import type { Clock } from '../../clock.ts';
import { createCircuit, type Circuit } from './circuit.ts';

/** Consecutive failures of a GPU after which it is quarantined. */
const FAILURES = 2;

/** Tracks GPUs in quarantine: those whose workers exited because the GPU stopped working. */
export interface GpuQuarantine {
  /** Records that a worker exited because this GPU failed. */
  failed(gpu: string): void;
  /** Records that a worker on this GPU worked; resets its failures. */
  worked(gpu: string): void;
  /** Whether this GPU is in quarantine, which lasts until a worker on it works. */
  has(gpu: string): boolean;
  /** How long to leave this GPU alone (ms). After that, while still in quarantine, one worker may try it. */
  restMs(gpu: string): number;
}

/**
 * Creates the quarantine. A single GPU is never quarantined: nothing else could do the work, and a task may be
 * what makes it fail.
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
      // The worker's lifetime is irrelevant here: GPUs fail after months.
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
