import { expect, test } from 'vitest';
import { boundOutput, type LeftOut } from '../../../../src/workers/process/boundedOutput.ts';

function sieve() {
  const logged: string[] = [];
  const told: LeftOut[] = [];
  const clock = { now: 5 };
  const output = boundOutput(
    { log: (line) => logged.push(line), leftOut: (what) => told.push(what) },
    () => clock.now,
  );
  return { logged, told, clock, output };
}

test('what a child prints is logged, and nothing is left out', () => {
  const { logged, told, output } = sieve();
  for (const line of ['a', 'b', '']) output.take(line);
  output.end();
  expect([logged, told]).toEqual([['a', 'b', ''], []]);
});

test('of a flood the begin is logged, and at its end is told how much was not, with the last of it', () => {
  const { logged, told, output } = sieve();
  for (let at = 0; at < 1_050; at += 1) output.take(String(at).padEnd(1_000));
  output.take('short');
  output.end();
  output.end();
  expect(logged).toHaveLength(1_000);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ lines: 51, characters: 50_005 });
  expect(told[0]?.last).toHaveLength(20);
  expect(told[0]?.last.at(-1)).toBe('short');
});

test('a line that is very long takes its room, and is told by its end', () => {
  const { logged, told, output } = sieve();
  output.take('x'.repeat(990_000));
  output.take(`${'y'.repeat(60_000)}the end`);
  output.end();
  expect(logged).toHaveLength(1);
  expect(told[0]?.last[0]).toHaveLength(1_000);
  expect(told[0]?.last[0]).toMatch(/the end$/);
});

test('a minute later lines are logged again, and what was left out before is told first', () => {
  const { logged, told, clock, output } = sieve();
  output.take('x'.repeat(1_000_001));
  clock.now += 59_999;
  output.take('still left out');
  expect([logged, told]).toEqual([[], []]);
  clock.now += 1;
  output.take('again');
  expect([logged, told.map(({ lines }) => lines)]).toEqual([['again'], [2]]);
});
