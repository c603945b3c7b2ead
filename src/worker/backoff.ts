const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;

/**
 * How long to wait before a process is started again after `failures` deaths in a row: nothing for the first,
 * then 1, 2, 4 … 60 s, each ± 20 % so that several do not come back in step.
 */
export function restartDelayMs(failures: number, random: () => number = Math.random): number {
  if (failures <= 1) return 0;
  const delay = Math.min(FIRST_DELAY_MS * 2 ** (failures - 2), MAX_DELAY_MS);
  return delay * (0.8 + 0.4 * random());
}
