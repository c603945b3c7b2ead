import type { Staging } from '../../src/scheduler/attempt/staging.ts';

/** Staging for tests in which no mixture needs any. */
export const noStaging: Staging = {
  isReady: () => true,
  isBusy: () => false,
  lookAhead: () => undefined,
  find: () => undefined,
  stage: () => Promise.reject(new Error('nothing is to be staged')),
  release: () => Promise.resolve(),
  abandon: () => undefined,
  has: () => false,
  stop: () => undefined,
};
