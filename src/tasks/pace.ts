/** How long separating takes, from what was measured; for the estimates that clients see. */
export interface Pace {
  /** Seconds of processing expected for a second of audio in each pass over it. */
  expect(model: { name: string; checkpointBytes: number }, device: string): number;
  /** Takes in what one completed task showed. */
  record(modelType: string, device: string, realTimeFactor: number): void;
}

/** The newest measurement counts this much; the rest is what was known before. */
const NEWEST_WEIGHT = 0.3;
/** Before anything was measured: a network of so many bytes needs about so long for a second of audio. */
const PRIOR_PER_MEGABYTE = { cpu: 0.02, gpu: 0.0005 };

/** Builds the estimator on earlier measurements, newest first. */
export function createPace(
  measured: readonly { modelType: string; device: string; realTimeFactor: number }[],
): Pace {
  const known = new Map<string, number>();
  const keyOf = (modelType: string, device: string) => `${modelType}\n${device}`;
  const record = (modelType: string, device: string, realTimeFactor: number) => {
    const key = keyOf(modelType, device);
    const before = known.get(key) ?? realTimeFactor;
    known.set(key, before + NEWEST_WEIGHT * (realTimeFactor - before));
  };
  for (const { modelType, device, realTimeFactor } of [...measured].reverse()) {
    record(modelType, device, realTimeFactor);
  }
  return {
    record,
    expect(model, device) {
      const prior = PRIOR_PER_MEGABYTE[device === 'cpu' ? 'cpu' : 'gpu'] * (model.checkpointBytes / 1e6);
      return known.get(keyOf(model.name, device)) ?? Math.max(prior, 0.01);
    },
  };
}
