import { once } from 'node:events';
import http from 'node:http';

const RANGE_BYTES = 64 * 1024;
const RANGES = 500;
/** Not counted: what only the first requests cost. */
const FIRST = 50;

/**
 * Asks for small parts, all over a file, one after the other on one connection, as a player does that is wound.
 *
 * @param {string} url
 * @param {number} size of the file
 * @returns {Promise<number[]>} ms from each request until the whole part was read
 */
export async function askForRanges(url, size) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const latencies = [];
  for (let range = 0; range < FIRST + RANGES; range += 1) {
    const start = Math.floor(((size - RANGE_BYTES) * ((range * 7919) % RANGES)) / RANGES);
    const askedAt = performance.now();
    const request = http.get(url, { agent, headers: { range: `bytes=${start}-${start + RANGE_BYTES - 1}` } });
    const [response] = await once(request, 'response');
    let bytes = 0;
    for await (const chunk of response) bytes += chunk.length;
    if (response.statusCode !== 206 || bytes !== RANGE_BYTES)
      throw new Error(`answered ${response.statusCode}`);
    if (range >= FIRST) latencies.push(performance.now() - askedAt);
  }
  agent.destroy();
  return latencies;
}
