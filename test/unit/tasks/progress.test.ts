import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AttemptProgress,
  createProgressBoard,
  progressStages,
  type ProgressReport,
} from '../../../src/tasks/progress.ts';
import { ManualClock } from '../../support/manualClock.ts';
import { attemptOf } from '../../support/attemptOf.ts';

const separating = (done: number, total: number): ProgressReport => ({ stage: 'separating', done, total });

describe('an attempt', () => {
  test('starts at nothing, with an estimate from what is known of the model', () => {
    const clock = new ManualClock();
    expect(new AttemptProgress(clock, 90).shown).toEqual({
      percent: 0,
      stage: 'loading_model',
      etaSeconds: 90,
      updatedAt: clock.now(),
    });
  });

  test('counts chunks: half of them is half of the way', () => {
    const clock = new ManualClock();
    const progress = new AttemptProgress(clock, 100);
    progress.update(separating(1, 10));
    for (let done = 2; done <= 6; done += 1) {
      clock.advance(4_000);
      progress.update(separating(done, 10));
    }
    // Five of ten have ended: half of the stage, which itself runs from 2 to 97.
    expect(progress.shown).toMatchObject({ percent: 49.5, stage: 'separating', etaSeconds: 20 });
  });

  test('moves within a chunk that takes minutes, but never past its end', () => {
    const clock = new ManualClock();
    const progress = new AttemptProgress(clock, 400);
    progress.update(separating(1, 4));
    clock.advance(100_000);
    progress.update(separating(2, 4));
    const atTick = progress.shown.percent;
    clock.advance(50_000);
    progress.renew();
    expect(progress.shown.percent).toBeGreaterThan(atTick);
    clock.advance(10_000_000);
    progress.renew();
    expect(progress.shown.percent).toBeLessThan(2 + (95 * 2) / 4);
    expect(progress.shown.etaSeconds).toBeGreaterThanOrEqual(1);
  });

  test('reports that come several at once do not spoil the estimate', () => {
    const clock = new ManualClock();
    const progress = new AttemptProgress(clock, 100);
    progress.update(separating(4, 10));
    expect(progress.shown.etaSeconds).toBeGreaterThan(50);
    clock.advance(20_000);
    progress.update(separating(6, 10));
    expect(progress.shown.etaSeconds).toBe(50);
  });

  test('has chunks that take as long as expected until one was measured, and moves within the first', () => {
    const clock = new ManualClock();
    const progress = new AttemptProgress(clock, 100);
    progress.update(separating(0, 10));
    expect(progress.shown).toMatchObject({ percent: 2, etaSeconds: 100 });
    clock.advance(7_000);
    progress.update(separating(1, 10));
    expect(progress.shown).toMatchObject({ percent: 2, etaSeconds: 100 });
    clock.advance(5_000);
    progress.renew();
    // Half of the first of ten: 4.75 of the 95 percent.
    expect(progress.shown).toMatchObject({ percent: 6.8, etaSeconds: 95 });
  });

  test('measures from the first chunk that began, not from the stage, and by nothing that is told twice', () => {
    const clock = new ManualClock();
    const progress = new AttemptProgress(clock, 1_000);
    progress.update(separating(0, 10));
    clock.advance(30_000);
    progress.update(separating(1, 10));
    clock.advance(10_000);
    progress.update(separating(2, 10));
    expect(progress.shown.etaSeconds).toBe(90);
    clock.advance(5_000);
    progress.update(separating(2, 10));
    expect(progress.shown).toMatchObject({ percent: 16.3, etaSeconds: 85 });
  });

  test('whose chunks nobody counts stands at the beginning of its stage', () => {
    const progress = new AttemptProgress(new ManualClock(), 100);
    progress.update(separating(0, 0));
    expect(progress.shown).toEqual({
      percent: 2,
      stage: 'separating',
      etaSeconds: 100,
      updatedAt: expect.any(Number),
    });
  });

  test('does not take what another stage counts for chunks', () => {
    const progress = new AttemptProgress(new ManualClock(), 100);
    progress.update({ stage: 'decoding', done: 3, total: 5 });
    expect(progress.shown).toMatchObject({ percent: 1, stage: 'decoding', etaSeconds: 100 });
  });

  test('that encodes is about to end, however long it was expected to take', () => {
    const progress = new AttemptProgress(new ManualClock(), 100);
    progress.update({ stage: 'encoding', done: 0, total: 0 });
    expect(progress.shown).toMatchObject({ percent: 97, etaSeconds: 1 });
  });

  test('renewing shows the time of the renewal, and an estimate that went down', () => {
    const clock = new ManualClock();
    const progress = new AttemptProgress(clock, 90);
    clock.advance(5_000);
    progress.renew();
    expect(progress.shown).toMatchObject({ etaSeconds: 85, updatedAt: clock.now() });
  });

  test('is never complete before the queue says so', () => {
    const progress = new AttemptProgress(new ManualClock(), 1);
    progress.update({ stage: 'encoding', done: 0, total: 0 });
    expect(progress.shown).toMatchObject({ percent: 97, stage: 'encoding', etaSeconds: 1 });
  });

  const report = fc.record({
    stage: fc.constantFrom('loading_model', 'decoding', 'separating', 'encoding'),
    done: fc.nat({ max: 40 }),
    total: fc.nat({ max: 30 }),
  });

  test('whatever is reported in whatever order, percent never falls, and the estimate is a number of at least 1', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        fc.array(fc.tuple(fc.option(report), fc.nat({ max: 200_000 })), { maxLength: 40 }),
        (expected, events) => {
          const clock = new ManualClock();
          const progress = new AttemptProgress(clock, expected);
          let percent = 0;
          for (const [next, wait] of events) {
            clock.advance(wait);
            if (next) progress.update(next);
            else progress.renew();
            const { shown } = progress;
            expect(shown.percent).toBeGreaterThanOrEqual(percent);
            expect(shown.percent).toBeLessThan(100);
            expect(Number.isFinite(shown.etaSeconds)).toBe(true);
            expect(shown.etaSeconds).toBeGreaterThanOrEqual(1);
            expect(shown.updatedAt).toBe(clock.now());
            expect(progressStages).toContain(shown.stage);
            percent = shown.percent;
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('between two chunks, percent stays below the end of the one that runs', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.nat({ max: 90_000 }), { minLength: 1, maxLength: 30 }),
        (total, waits) => {
          const clock = new ManualClock();
          const progress = new AttemptProgress(clock, 60);
          for (const [index, wait] of waits.slice(0, total).entries()) {
            progress.update(separating(index + 1, total));
            clock.advance(wait);
            progress.renew();
            // Half of the last shown digit, for its rounding.
            expect(progress.shown.percent).toBeLessThanOrEqual(2 + (95 * (index + 1)) / total + 0.05);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('the board', () => {
  test('shows what runs, and nothing once it ended', () => {
    const board = createProgressBoard(new ManualClock());
    const attempt = board.begin(attemptOf('a', 1), 60);
    expect(board.find('a')).toBe(attempt.shown);
    expect(board.find('b')).toBeUndefined();
    board.end(attemptOf('a', 1));
    expect(board.find('a')).toBeUndefined();
  });

  test('takes the end of an attempt that never began', () => {
    const board = createProgressBoard(new ManualClock());
    expect(() => {
      board.end(attemptOf('a', 1));
    }).not.toThrow();
  });

  test('the end of an older attempt does not hide the newer one', () => {
    const board = createProgressBoard(new ManualClock());
    board.begin(attemptOf('a', 1), 60);
    const newer = board.begin(attemptOf('a', 2), 60);
    board.end(attemptOf('a', 1));
    expect(board.find('a')).toBe(newer.shown);
  });

  test('the end of an attempt of another step does not hide the one that runs', () => {
    const board = createProgressBoard(new ManualClock());
    const current = board.begin({ taskId: 'a', step: 1, attempt: 1 }, 60);
    board.end({ taskId: 'a', step: 0, attempt: 1 });
    expect(board.find('a')).toBe(current.shown);
  });

  test('knows when the first of several should end', () => {
    const board = createProgressBoard(new ManualClock());
    expect(board.soonestEnd()).toBeNull();
    board.begin(attemptOf('a', 1), 60);
    board.begin(attemptOf('b', 1), 20);
    expect(board.soonestEnd()).toBe(20);
  });
});
