import { readFileSync } from 'node:fs';
import os from 'node:os';

/**
 * Says what was run, where and when: a figure without them is worth nothing.
 *
 * @param {string} command
 */
export function printHeader(command) {
  const cores = os.cpus();
  const load = readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ');
  const memory = (os.totalmem() / 1e9).toFixed(0);
  process.stdout.write(`${command}   ${new Date().toISOString().slice(0, 10)}   Node ${process.version}\n`);
  process.stdout.write(`${cores.length} × ${cores[0]?.model}, ${memory} GB; load average ${load}\n\n`);
}

/**
 * Prints rows as a Markdown table.
 *
 * @param {Record<string, string | number>[]} rows all with the same keys, which become the columns
 */
export function printTable(rows) {
  const columns = Object.keys(rows[0] ?? {});
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column])))];
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  const lines = cells.map(
    (row) => `| ${row.map((cell, at) => cell.padStart(widths[at] ?? 0)).join(' | ')} |`,
  );
  lines.splice(1, 0, `| ${widths.map((width) => `${'-'.repeat(width - 1)}:`).join(' | ')} |`);
  process.stdout.write(`${lines.join('\n')}\n\n`);
}

/**
 * The middle one; of an even number, the mean of the two in the middle.
 *
 * @param {number[]} values
 */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
  const high = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  return (low + high) / 2;
}
