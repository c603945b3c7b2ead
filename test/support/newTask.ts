import { randomUUID } from 'node:crypto';
import type { SeparationOptions } from '../../src/contract/options.ts';
import type { AttemptResult, NewTask, PoisonRule } from '../../src/queue/taskQueue.ts';
import type { Mixture, Stem, Task } from '../../src/tasks/task.ts';

export const defaultOptions: SeparationOptions = {
  instruments: ['drums', 'bass', 'other'],
  useTta: false,
  extractInstrumental: false,
  outputFormat: 'wav',
  pcmType: 'PCM_24',
  bigshifts: 1,
  numOverlap: null,
  batchSize: null,
};

/** A stored, probed WAV of ten seconds. */
export function newMixture(given: Partial<Mixture> = {}): Mixture {
  const inputId = given.inputId ?? randomUUID();
  return {
    inputId,
    filename: 'song.wav',
    bytes: 1_764_044,
    sha256: 'ab'.repeat(32),
    storageKey: `inputs/${inputId}/mixture.wav`,
    container: 'wav',
    codec: 'pcm_s16le',
    durationSeconds: 10,
    sampleRate: 44_100,
    channels: 2,
    stagingReason: null,
    ...given,
  };
}

/** A task ready to be accepted, with a file of its own. */
export function newTask(given: Partial<NewTask> = {}): NewTask {
  return {
    taskId: randomUUID(),
    owner: null,
    modelType: 'starter',
    modelVersion: '1',
    options: defaultOptions,
    mixture: newMixture(),
    warnings: [],
    ...given,
  };
}

/** A task as the queue gives it to the scheduler: its first attempt runs. */
export function runningTask(given: Partial<Task> = {}): Task {
  return {
    ...newTask(),
    seq: 1,
    status: 'processing',
    step: 0,
    attempt: 1,
    failures: 0,
    failure: null,
    createdAt: 0,
    startedAt: 1,
    completedAt: null,
    processingSeconds: null,
    filesExpiredAt: null,
    version: 2,
    ...given,
  };
}

/** A finished stem of an attempt. */
export function newStem(taskId: string, attempt: number, instrument = 'drums'): Stem {
  return {
    instrument,
    filename: `${instrument}.wav`,
    storageKey: `results/${taskId}/${String(attempt)}/${instrument}.wav`,
    format: 'wav',
    bytes: 4,
    sha256: 'cd'.repeat(32),
    durationSeconds: 10,
    sampleRate: 44_100,
    channels: 2,
    peak: 0.5,
    clippedSamples: 0,
  };
}

/** The good end of an attempt. */
export function completion(taskId: string, attempt: number): Extract<AttemptResult, { status: 'completed' }> {
  return {
    status: 'completed',
    stems: [newStem(taskId, attempt, 'drums'), newStem(taskId, attempt, 'bass')],
    warnings: [],
    processingSeconds: 2.5,
  };
}

/** The bad end of an attempt. */
export function failure(countsAsFailure = true): AttemptResult {
  return {
    status: 'failed',
    failure: { code: 'SEPARATION_FAILED', message: 'The model failed.' },
    countsAsFailure,
    processingSeconds: 1,
  };
}

/** The rule by which a task that keeps taking the server down is failed. */
export const POISON: PoisonRule = {
  deathsInARow: 3,
  failure: { code: 'WORKER_CRASHED', message: 'The server ended three times in a row.' },
};
