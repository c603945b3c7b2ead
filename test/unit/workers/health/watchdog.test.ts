import { expect, test } from 'vitest';
import { TIMEOUTS } from '../../../../src/workers/health/timeouts.ts';
import { Watchdog, type Finding } from '../../../../src/workers/health/watchdog.ts';
import { ManualClock } from '../../../support/manualClock.ts';

const MINUTE = 60;
const EXPECTED_SECONDS = 300;

type Stage = 'loading_model' | 'decoding' | 'separating' | 'encoding';

/** An attempt whose seconds pass one by one, and which is looked at in each. */
function begin(expectedSeconds = EXPECTED_SECONDS) {
  const clock = new ManualClock();
  const watchdog = new Watchdog(clock, TIMEOUTS, expectedSeconds);
  let cpu = 0;
  let passed = 0;
  /** Seconds in which it beats every other second, with so much CPU time used in each; gives the last finding. */
  const live = (seconds: number, { beats = true, load = 0 } = {}): Finding => {
    let found: Finding = 'well';
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      passed += 1;
      cpu += load;
      if (beats && passed % 2 === 0) watchdog.heartbeat({ cpu_seconds: cpu });
      found = watchdog.look();
      if (found !== 'well' && found !== 'suspect') return found;
    }
    return found;
  };
  const silence = (seconds: number) => live(seconds, { beats: false });
  const enter = (stage: Stage, done = 0, total = 0) => {
    watchdog.progress({ stage, done, total });
  };
  /** Ticks of so many seconds each. */
  const compute = (chunks: number, seconds: number, total: number, load = 1) => {
    enter('separating', 1, total);
    for (let chunk = 1; chunk <= chunks; chunk += 1) {
      const found = live(seconds, { load });
      if (found !== 'well') return found;
      enter('separating', chunk + 1, total);
    }
    return 'well';
  };
  return { clock, watchdog, live, silence, enter, compute };
}

test('without a heartbeat a worker is suspected after 10 s and hangs after 30 s', () => {
  const { enter, silence } = begin();
  enter('separating', 1, 9);
  expect(silence(9)).toBe('well');
  expect(silence(1)).toBe('suspect');
  expect(silence(19)).toBe('suspect');
  expect(silence(1)).toBe('silent');
});

test('one heartbeat, or one report, and a suspected worker is well again', () => {
  const { enter, silence, watchdog } = begin();
  enter('separating', 1, 9);
  expect(silence(29)).toBe('suspect');
  watchdog.heartbeat({ cpu_seconds: 1 });
  expect(silence(9)).toBe('well');
  expect(silence(20)).toBe('suspect');
  enter('separating', 2, 9);
  expect(silence(9)).toBe('well');
});

test('while a model is loaded, which may hold the GIL, a worker may be silent for ten minutes and no longer', () => {
  const { silence } = begin(1_000);
  expect(silence(599)).toBe('suspect');
  expect(silence(1)).toBe('silent');
});

test('a server whose event loop stood still blames no worker for what it did not hear meanwhile', () => {
  const { clock, watchdog, enter, silence } = begin();
  enter('separating', 1, 9);
  for (let n = 0; n < 5; n += 1) {
    clock.advance(3_600_000);
    expect(watchdog.look()).toBe('well');
  }
  expect(silence(24)).toBe('suspect');
  expect(silence(1)).toBe('silent');
});

test('neither a chunk nor CPU time for 120 s is a hang, also while heartbeats come', () => {
  const { compute, live } = begin();
  expect(compute(3, 2, 9)).toBe('well');
  expect(live(119)).toBe('well');
  expect(live(2)).toBe('stalled');
});

test('the little CPU time of the heartbeats themselves hides no hang', () => {
  const { compute, live } = begin();
  compute(3, 2, 9);
  expect(live(400, { load: 0.002 })).toBe('stalled');
});

test('a chunk that uses CPU time may take hours', () => {
  const { compute, live } = begin(3_600);
  compute(3, 2, 9);
  expect(live(2 * 60 * MINUTE, { load: 0.02 })).toBe('well');
});

test('before the first chunk was measured nothing but silence and the deadline is a hang', () => {
  const { enter, live } = begin();
  enter('separating', 0, 9);
  expect(live(9 * MINUTE)).toBe('well');
  enter('separating', 1, 9);
  expect(live(9 * MINUTE)).toBe('well');
});

test('where chunks are slow and use no CPU time, ten times the slowest is waited for', () => {
  const { compute, live } = begin(3_600);
  expect(compute(3, 100, 20, 0)).toBe('well');
  expect(live(990)).toBe('well');
  expect(live(12)).toBe('stalled');
});

test('a report that says nothing new is no sign of work', () => {
  const { compute, live, enter } = begin();
  compute(3, 2, 9);
  for (let n = 0; n < 11; n += 1) {
    expect(live(10)).toBe('well');
    enter('separating', 4, 9);
  }
  expect(live(11)).toBe('stalled');
});

test('a hang while stems are written is found as well', () => {
  const { compute, enter, live } = begin();
  compute(3, 2, 4);
  enter('encoding');
  expect(live(119)).toBe('well');
  expect(live(2)).toBe('stalled');
});

test('no attempt is overdue before ten minutes, however short its song is', () => {
  const { live } = begin(1);
  expect(live(599, { load: 1 })).toBe('well');
  expect(live(1, { load: 1 })).toBe('overdue');
});

test('an attempt is overdue after twenty times what was expected', () => {
  const { live } = begin(60);
  expect(live(1_199, { load: 1 })).toBe('well');
  expect(live(1, { load: 1 })).toBe('overdue');
});

test('a model far slower than expected is not overdue as long as its chunks come, nor while it writes its stems', () => {
  const { compute, enter, live } = begin(1);
  expect(compute(99, 100, 100)).toBe('well');
  enter('encoding');
  expect(live(600, { load: 1 })).toBe('well');
});
