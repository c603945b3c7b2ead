const heartbeatMs = 10_000;

/**
 * @typedef {object} Report
 * @property {(text: string) => void} say prints one line
 * @property {(text: string) => void} detail prints one indented line below the running step
 * @property {<T>(label: string, work: () => Promise<T>) => Promise<T>} step runs `work`; prints `label`, a
 *   heartbeat and the seconds
 */

/**
 * Creates the progress output of set-up: a line when a step begins and ends, and a heartbeat in between.
 *
 * @param {{ write(text: string): unknown }} out
 * @returns {Report}
 */
export function createReport(out) {
  let lastLineAt = 0;

  /** @param {string} text */
  function line(text) {
    lastLineAt = performance.now();
    out.write(`${text}\n`);
  }

  return {
    say: (text) => line(`set-up: ${text}`),
    detail: (text) => line(`  ${text}`),
    async step(label, work) {
      const began = performance.now();
      const seconds = () => Math.round((performance.now() - began) / 1000);
      line(`set-up: ${label}…`);
      const heartbeat = setInterval(() => {
        if (performance.now() - lastLineAt >= heartbeatMs - 50) line(`  still running (${seconds()} s)`);
      }, 1000);
      try {
        const result = await work();
        line(`set-up: done in ${seconds()} s`);
        return result;
      } finally {
        clearInterval(heartbeat);
      }
    },
  };
}
