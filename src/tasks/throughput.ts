import type { MeasuredThroughput, MeasuredWork } from '../store/taskStore.ts';

/** How long separating takes, from what was measured; for the estimates that clients see. */
export interface ThroughputEstimates {
  /** Seconds of processing expected for a second of audio in each pass over it. */
  expect(model: { name: string; version: string; checkpointBytes: number }, device: string): number;
  /** Takes in what one completed task showed of this version of the model. */
  record(model: { name: string; version: string }, device: string, measured: MeasuredWork): void;
}

/** Every measurement counts this much less with each that follows. */
const FADING = 0.7;
/** Before anything was measured: a network of so many bytes needs about so long for a second of audio. */
const PRIOR_PER_MEGABYTE = { cpu: 0.02, gpu: 0.0005 };
/**
 * What was assumed counts like a song of so many seconds, and fades like one. What takes its time in every task, however
 * short its song, would otherwise make of the first that lasts a moment hours for each that lasts minutes.
 */
const PRIOR_AUDIO_SECONDS = 1;

/** Builds the estimator on earlier measurements, newest first. What other files of a model took does not count for it. */
export function createThroughputEstimates(measured: readonly MeasuredThroughput[]): ThroughputEstimates {
  /** Sums, so that a song counts as much as it is long. */
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

/** A version of null: measured by a server that did not keep it. */
const keyOf = (modelType: string, version: string | null, device: string) =>
  JSON.stringify([modelType, version, device]);
