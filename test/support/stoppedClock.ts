import { vi } from 'vitest';

const { setTimeout: realTimeout } = globalThis;
const realNow = performance.now.bind(performance);

/** Stops every clock that is read in this process, a server's in it too; its timers run on. */
export function stopClocks(at = Date.parse('2026-03-01T12:00:00.000Z')): void {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: at });
}

/** Lets this much time pass, in seconds. */
export const passSeconds = (seconds: number) => {
  vi.advanceTimersByTime(seconds * 1000);
};

/** Asks again and again, while clocks stand still, until the answer holds. @throws what it threw last, after 20 s */
export async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = realNow() + 20_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (realNow() > deadline) throw error;
    }
    await new Promise((resolve) => realTimeout(resolve, 10));
  }
}
