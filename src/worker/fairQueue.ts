/** Those who wait, in the order in which they are to be served: one of each owner in turn, of one owner the first come first. */
export interface FairQueue<Wait> {
  add(owner: string, wait: Wait): void;
  /** It does not wait any more, and was not served. */
  remove(owner: string, wait: Wait): void;
  /** It is served now. */
  serve(owner: string, wait: Wait): void;
  /** Every owner that waits, the next first, with its waits. */
  inOrder(): { owner: string; waits: readonly Wait[] }[];
}

interface Line<Wait> {
  owner: string;
  /** Who has the lowest is next. Each that is served raises its owner's by one. */
  turn: number;
  /** Of equal turns the one that came first. */
  since: number;
  waits: Wait[];
}

/**
 * Builds an empty one. An owner that was away is treated as one that was just served in its turn: nobody saves turns up
 * by not coming, and nobody gains by coming in many small pieces (start-time fair queueing).
 */
export function createFairQueue<Wait>(): FairQueue<Wait> {
  const lines = new Map<string, Line<Wait>>();
  /** The turn of the one that was served last. */
  let now = 0;
  let arrivals = 0;

  const waiting = () => [...lines.values()].filter(({ waits }) => waits.length > 0);
  const takeOut = (owner: string, wait: Wait): Line<Wait> | undefined => {
    const line = lines.get(owner);
    const at = line?.waits.indexOf(wait) ?? -1;
    if (!line || at < 0) return undefined;
    line.waits.splice(at, 1);
    return line;
  };
  /** What an owner had is forgotten as soon as it changes nothing any more. */
  const forget = () => {
    for (const { owner, turn, waits } of [...lines.values()]) {
      if (waits.length === 0 && turn <= now) lines.delete(owner);
    }
  };

  return {
    add(owner, wait) {
      const line = lines.get(owner) ?? { owner, turn: now, since: 0, waits: [] };
      if (line.waits.length === 0) {
        line.turn = Math.max(line.turn, now);
        line.since = arrivals++;
      }
      line.waits.push(wait);
      lines.set(owner, line);
    },
    remove(owner, wait) {
      takeOut(owner, wait);
      forget();
    },
    serve(owner, wait) {
      const line = takeOut(owner, wait);
      if (!line) return;
      now = Math.max(now, line.turn);
      line.turn += 1;
      line.since = arrivals++;
      forget();
    },
    inOrder: () => waiting().sort((a, b) => a.turn - b.turn || a.since - b.since),
  };
}
