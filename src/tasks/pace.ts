import type { MeasuredPace } from '../store/taskStore.ts';

/** How long separating takes, from what was measured; for the estimates that clients see. */
export interface Pace {
  /** Seconds of processing expected for a second of audio in each pass over it. */
  expect(model: { name: string; version: string; checkpointBytes: number }, device: string): number;
  /** Takes in what one completed task showed of this version of the model. */
  record(model: { name: string; version: string }, device: string, realTimeFactor: number): void;
}

/** The newest measurement counts this much; the rest is what was known before. */
const NEWEST_WEIGHT = 0.3;
/** Before anything was measured: a network of so many bytes needs about so long for a second of audio. */
const PRIOR_PER_MEGABYTE = { cpu: 0.02, gpu: 0.0005 };

/** Builds the estimator on earlier measurements, newest first. What other files of a model took does not count for it. */
export function createPace(measured: readonly MeasuredPace[]): Pace {
  const known = new Map<string, number>();
  const learn = (key: string, realTimeFactor: number) => {
    const before = known.get(key) ?? realTimeFactor;
    known.set(key, before + NEWEST_WEIGHT * (realTimeFactor - before));
  };
  for (const { modelType, modelVersion, device, realTimeFactor } of [...measured].reverse()) {
    learn(keyOf(modelType, modelVersion, device), realTimeFactor);
  }
  return {
    record(model, device, realTimeFactor) {
      learn(keyOf(model.name, model.version, device), realTimeFactor);
    },
    expect(model, device) {
      const prior = PRIOR_PER_MEGABYTE[device === 'cpu' ? 'cpu' : 'gpu'] * (model.checkpointBytes / 1e6);
      return (
        known.get(keyOf(model.name, model.version, device)) ??
        known.get(keyOf(model.name, null, device)) ??
        Math.max(prior, 0.01)
      );
    },
  };
}

/** A version of null: measured by a server that did not keep it. */
const keyOf = (modelType: string, version: string | null, device: string) =>
  JSON.stringify([modelType, version, device]);
