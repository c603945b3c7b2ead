import { expect, test } from 'vitest';
import { StageClock } from '../../../src/tasks/stageClock.ts';
import { ManualClock } from '../../support/manualClock.ts';

test('a stage that is entered again goes on, and all stages add up to the whole', () => {
  const clock = new ManualClock();
  const stages = new StageClock(clock);
  clock.advance(1000);
  stages.enter('decoding');
  clock.advance(500);
  stages.enter('loading_model');
  stages.enter('loading_model');
  clock.advance(250);
  stages.enter('separating');
  clock.advance(3000);
  const { processingSeconds, stageSeconds } = stages.read();
  expect(stageSeconds).toEqual({ loading_model: 1.25, decoding: 0.5, separating: 3 });
  expect(processingSeconds).toBe(4.75);
});
