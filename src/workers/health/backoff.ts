const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;

/**
 * The delay before restarting a process after `failures` deaths in a row, in milliseconds: none after the first,
 * then 1, 2, 4 … 60 s, each ± 20 % so that several processes do not restart in step.
 */
export function restartDelayMs(failures: number, random: () => number = Math.random): number {
  if (failures <= 1) return 0;
  const delay = Math.min(FIRST_DELAY_MS * 2 ** (failures - 2), MAX_DELAY_MS);
  return delay * (0.8 + 0.4 * random());
}
