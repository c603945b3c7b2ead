import { readFile, writeFile } from 'node:fs/promises';

/** What `clear_refs` calls forgetting the peak of a process. */
const FORGET_PEAK = '5';

/**
 * Watches how much memory a process has in use from now on. The kernel keeps the peak: none is missed.
 *
 * @param {number} pid
 * @returns {Promise<{ before: number, peak: () => Promise<number> }>} bytes
 */
export async function watchMemory(pid) {
  await writeFile(`/proc/${pid}/clear_refs`, FORGET_PEAK);
  return { before: await read(pid, 'VmRSS'), peak: () => read(pid, 'VmHWM') };
}

/**
 * @param {number} pid
 * @param {'VmRSS' | 'VmHWM'} field
 */
async function read(pid, field) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status has no ${field}`);
  return Number(kibibytes) * 1024;
}
