/** Limits how much of a child's output is logged, so that a child that prints endlessly cannot flood the log. */

const WINDOW_MS = 60_000;
/** Limit per window: many times what MSST and its libraries print in an hour. */
const MOST_CHARACTERS = 1_000_000;
/** The last dropped lines are reported: they usually say why a child died. */
const LAST_LINES = 20;
const LAST_LINE_CHARACTERS = 1_000;

/** The part of a child's output that was not logged. */
export interface LeftOut {
  lines: number;
  characters: number;
  last: string[];
}

/**
 * Creates a rate limiter for the output lines of one child.
 *
 * @param to.log receives each line within the limit
 * @param to.leftOut receives a summary of dropped lines, once per window and at the end
 * @param now a monotonic clock, in milliseconds
 */
export function boundOutput(
  to: { log: (line: string) => void; leftOut: (what: LeftOut) => void },
  now: () => number = () => performance.now(),
): { take(line: string): void; end(): void } {
  let windowEnd = 0;
  let room = 0;
  let left: LeftOut = { lines: 0, characters: 0, last: [] };
  const end = () => {
    if (left.lines === 0) return;
    to.leftOut(left);
    left = { lines: 0, characters: 0, last: [] };
  };
  return {
    take(line) {
      const at = now();
      if (at >= windowEnd) {
        end();
        windowEnd = at + WINDOW_MS;
        room = MOST_CHARACTERS;
      }
      if (line.length <= room) {
        room -= line.length;
        to.log(line);
        return;
      }
      // Drop later shorter lines too, so that the logged output has no gap before this point.
      room = 0;
      left.lines += 1;
      left.characters += line.length;
      left.last.push(line.slice(-LAST_LINE_CHARACTERS));
      if (left.last.length > LAST_LINES) left.last.shift();
    },
    end,
  };
}
