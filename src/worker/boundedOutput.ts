/** How much of what a child prints is logged: a checkout may print without end, and the log has other readers. */

const WINDOW_MS = 60_000;
/** In each window: many times what MSST and its libraries print in an hour. */
const MOST_CHARACTERS = 1_000_000;
/** Of what was left out, the end is told: a child that dies says there why. */
const LAST_LINES = 20;
const LAST_LINE_CHARACTERS = 1_000;

/** What was left out of a child's output. */
export interface LeftOut {
  lines: number;
  characters: number;
  last: string[];
}

/**
 * Makes a sieve for the lines of one child.
 *
 * @param to.log a line that is kept
 * @param to.leftOut what was not, once a window and at the end
 * @param now a clock that never jumps, in milliseconds
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
      // Not a shorter one after it either: what is logged shall be whole up to here.
      room = 0;
      left.lines += 1;
      left.characters += line.length;
      left.last.push(line.slice(-LAST_LINE_CHARACTERS));
      if (left.last.length > LAST_LINES) left.last.shift();
    },
    end,
  };
}
