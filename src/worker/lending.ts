/** Lends what there is to those who ask, the first come first, and no more of it to one kind of work than it may have. */
export interface Lending<Item, Work extends string> {
  /** Something new can be lent. */
  offer(item: Item): void;
  /** It is gone while nobody had it. */
  withdraw(item: Item): void;
  /**
   * Waits for one that the borrower accepts.
   *
   * @param signal ends the wait, with its reason
   */
  borrow(work: Work, accepts: (item: Item) => boolean, signal: AbortSignal): Promise<Item>;
  /** The work is over; what was lent can be lent again, unless it is gone. */
  end(work: Work, item?: Item): void;
}

/**
 * Builds an empty one.
 *
 * @param most how many of each kind of work may go on at a time
 * @param onShortage called when more could be put to use than is at hand, with how many
 */
export function createLending<Item, Work extends string>(
  most: Record<Work, number>,
  onShortage: (missing: number) => void,
): Lending<Item, Work> {
  type Wait = { work: Work; accepts: (item: Item) => boolean; take: (item: Item) => void };
  const idle: Item[] = [];
  const waiting: Wait[] = [];
  const going = new Map<Work, number>();
  const room = (work: Work) => most[work] - (going.get(work) ?? 0);
  const startable = (work: Work) => Math.min(room(work), waiting.filter((wait) => wait.work === work).length);

  const match = () => {
    for (const wait of [...waiting]) {
      const at = room(wait.work) > 0 ? idle.findIndex(wait.accepts) : -1;
      const [item] = at < 0 ? [] : idle.splice(at, 1);
      if (item === undefined) continue;
      waiting.splice(waiting.indexOf(wait), 1);
      going.set(wait.work, (going.get(wait.work) ?? 0) + 1);
      wait.take(item);
    }
    const missing = (Object.keys(most) as Work[]).reduce((sum, work) => sum + startable(work), 0);
    if (missing > 0) onShortage(missing);
  };

  return {
    offer(item) {
      idle.push(item);
      match();
    },
    withdraw(item) {
      const at = idle.indexOf(item);
      if (at >= 0) idle.splice(at, 1);
    },
    borrow: (work, accepts, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const wait: Wait = {
          work,
          accepts,
          take(item) {
            signal.removeEventListener('abort', giveUp);
            resolve(item);
          },
        };
        const giveUp = () => {
          waiting.splice(waiting.indexOf(wait), 1);
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', giveUp, { once: true });
        waiting.push(wait);
        match();
      }),
    end(work, item) {
      going.set(work, (going.get(work) ?? 1) - 1);
      if (item !== undefined) idle.push(item);
      match();
    },
  };
}
