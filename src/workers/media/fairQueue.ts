/** A fair queue: owners take turns, and each owner's entries are served first come, first served. */
export interface FairQueue<Wait> {
  add(owner: string, wait: Wait): void;
  /** Removes an entry that was not served. */
  remove(owner: string, wait: Wait): void;
  /** Removes an entry that is being served, and counts a turn for its owner. */
  serve(owner: string, wait: Wait): void;
  /** Every owner with waiting entries, next owner first. */
  inOrder(): { owner: string; waits: readonly Wait[] }[];
}

interface Line<Wait> {
  owner: string;
  /** The owner with the lowest turn is next. Serving an entry raises its owner's turn by one. */
  turn: number;
  /** Arrival number; breaks ties between equal turns. */
  since: number;
  waits: Wait[];
}

/**
 * Creates an empty queue (start-time fair queueing). A returning owner is treated as if it had just been served in
 * its turn: absence accumulates no credit, and splitting work into many small requests gains nothing.
 */
export function createFairQueue<Wait>(): FairQueue<Wait> {
  const lines = new Map<string, Line<Wait>>();
  /** The turn of the entry that was served last. */
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
  /** Drops owners whose turn no longer affects the order. */
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
