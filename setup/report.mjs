const heartbeatMs = 10_000;

/**
 * @typedef {object} Report
 * @property {(text: string) => void} say one line of its own
 * @property {(text: string) => void} detail one indented line below the step that runs
 * @property {<T>(label: string, work: () => Promise<T>) => Promise<T>} step shows `label`, a heartbeat and the seconds
 */

/**
 * What a person sees while set-up works: a line when a step begins and ends, and a sign of life in between.
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
        if (performance.now() - lastLineAt >= heartbeatMs - 50) line(`  still at it (${seconds()} s)`);
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
