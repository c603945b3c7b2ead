import type { Readable } from 'node:stream';

const MAX_LINE_BYTES = 64 * 1024;

/**
 * Calls `onLine` with each line of a child's stderr. A carriage return also ends a line (progress bars). Overlong
 * lines are cut, so that a flood of output costs no memory.
 */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split(/[\r\n]+/);
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') onLine(line.slice(0, MAX_LINE_BYTES));
    if (rest.length > MAX_LINE_BYTES) {
      onLine(rest.slice(0, MAX_LINE_BYTES));
      rest = '';
    }
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
  // The pipe of a killed child may break; its exit is reported elsewhere.
  stream.on('error', () => undefined);
}
