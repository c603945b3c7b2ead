import { expect, test } from 'vitest';
import { createCircuit } from '../../../../src/workers/health/circuit.ts';
import { ManualClock } from '../../../support/manualClock.ts';

const MINUTE = 60_000;
const QUARANTINE = 5 * MINUTE;

function begin() {
  const clock = new ManualClock();
  const circuit = createCircuit(clock, QUARANTINE, () => 0.5);
  /** A life of so long, and the wait after it. */
  const life = (ms = 0) => {
    clock.advance(ms);
    circuit.died(ms);
    const delay = circuit.delayMs();
    clock.advance(delay);
    return delay;
  };
  return { circuit, life };
}

test('deaths in a row are answered with growing delays, and the fifth within five minutes with quarantine', () => {
  const { circuit, life } = begin();
  expect([life(), life(), life(), life()]).toEqual([0, 1_000, 2_000, 4_000]);
  expect(circuit.isOpen).toBe(false);
  expect(life()).toBe(QUARANTINE);
  expect(circuit.isOpen).toBe(true);
});

test('in quarantine one process is tried at a time, and each that dies prolongs it', () => {
  const { circuit, life } = begin();
  for (let n = 0; n < 5; n += 1) life();
  for (let n = 0; n < 20; n += 1) expect(life(n * 10_000)).toBe(QUARANTINE);
  expect(circuit.isOpen).toBe(true);
});

test('a try that does its part ends the quarantine, and the next death costs no time', () => {
  const { circuit, life } = begin();
  for (let n = 0; n < 5; n += 1) life();
  circuit.worked();
  expect(circuit.isOpen).toBe(false);
  expect([life(), life()]).toEqual([0, 1_000]);
});

test('a try that lives longer than five minutes ends the quarantine', () => {
  const { circuit, life } = begin();
  for (let n = 0; n < 5; n += 1) life();
  expect(life(5 * MINUTE + 1)).toBe(0);
  expect(circuit.isOpen).toBe(false);
});

test('deaths spread over more than five minutes never lead to quarantine, and their delays stay at a minute', () => {
  const { circuit, life } = begin();
  let delay = 0;
  for (let n = 0; n < 50; n += 1) delay = life(1.5 * MINUTE);
  expect(circuit.isOpen).toBe(false);
  expect(delay).toBe(MINUTE);
});

test('one success between deaths starts the row anew', () => {
  const { circuit, life } = begin();
  for (let n = 0; n < 20; n += 1) {
    for (let death = 0; death < 4; death += 1) life();
    circuit.worked();
  }
  expect(circuit.isOpen).toBe(false);
});
