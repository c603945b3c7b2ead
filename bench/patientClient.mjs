// A process of its own that asks for one URL at a steady pace, whatever became of the requests before, and prints the
// latencies as JSON: `node bench/patientClient.mjs URL SECONDS`.
import http from 'node:http';

const EVERY_MS = 10;
const [url = '', seconds = ''] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });
/** @type {Promise<number>[]} */
const latencies = [];

const timer = setInterval(() => latencies.push(ask()), EVERY_MS);
setTimeout(
  async () => {
    clearInterval(timer);
    const sorted = (await Promise.all(latencies)).toSorted((a, b) => a - b);
    const at = (/** @type {number} */ share) =>
      sorted[Math.floor(sorted.length * share)] ?? sorted.at(-1) ?? NaN;
    const rate = sorted.length / Number(seconds);
    process.stdout.write(JSON.stringify({ rate, p50: at(0.5), p99: at(0.99), max: at(1) }));
    agent.destroy();
  },
  Number(seconds) * 1000,
);

/** @returns {Promise<number>} milliseconds until the whole answer was read */
function ask() {
  const askedAt = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent }, (response) => {
      response.resume().once('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - askedAt);
        else reject(new Error(`answered ${response.statusCode}`));
      });
    });
    request.once('error', reject);
  });
}
