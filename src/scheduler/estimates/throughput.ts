import type { MeasuredThroughput, MeasuredWork } from '../../queue/taskQueue.ts';

/** Estimates how long separating takes, from earlier measurements. */
export interface ThroughputEstimates {
  /** Estimated processing seconds per second of audio and pass. */
  expect(model: { name: string; version: string; checkpointBytes: number }, device: string): number;
  /** Records the measurement of a completed task. */
  record(model: { name: string; version: string }, device: string, measured: MeasuredWork): void;
}

/** Weight of older measurements relative to the next newer one. */
const FADING = 0.7;
/** Assumed seconds per second of audio and megabyte of checkpoint before anything was measured. */
const PRIOR_PER_MEGABYTE = { cpu: 0.02, gpu: 0.0005 };
/**
 * The assumption counts like a song of this many seconds and fades like one. Otherwise the fixed cost of a first, very
 * short song would be extrapolated to hours for a normal one.
 */
const PRIOR_AUDIO_SECONDS = 1;

/** Creates the estimates from earlier measurements, newest first. Other versions of a model do not count. */
export function createThroughputEstimates(measured: readonly MeasuredThroughput[]): ThroughputEstimates {
  /** Sums, so that songs are weighted by their length. */
  const known = new Map<string, MeasuredWork & { priorAudioSeconds: number }>();
  const learn = (key: string, { workSeconds, audioSeconds }: MeasuredWork) => {
    const sums = known.get(key);
    known.set(key, {
      workSeconds: FADING * (sums?.workSeconds ?? 0) + workSeconds,
      audioSeconds: FADING * (sums?.audioSeconds ?? 0) + audioSeconds,
      priorAudioSeconds: FADING * (sums?.priorAudioSeconds ?? PRIOR_AUDIO_SECONDS),
    });
  };
  for (const throughput of [...measured].reverse()) {
    learn(keyOf(throughput.modelType, throughput.modelVersion, throughput.device), throughput);
  }
  return {
    record(model, device, work) {
      learn(keyOf(model.name, model.version, device), work);
    },
    expect(model, device) {
      const perMegabyte = PRIOR_PER_MEGABYTE[device === 'cpu' ? 'cpu' : 'gpu'];
      const prior = Math.max(perMegabyte * (model.checkpointBytes / 1e6), 0.01);
      const sums =
        known.get(keyOf(model.name, model.version, device)) ?? known.get(keyOf(model.name, null, device));
      if (!sums) return prior;
      const { workSeconds, audioSeconds, priorAudioSeconds } = sums;
      return (workSeconds + prior * priorAudioSeconds) / (audioSeconds + priorAudioSeconds);
    },
  };
}

/** Version null: measured by a server that did not record versions. */
const keyOf = (modelType: string, version: string | null, device: string) =>
  JSON.stringify([modelType, version, device]);
