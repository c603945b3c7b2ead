import { createFairQueue } from './fairQueue.ts';

/** How much of what there is one kind of work may have at a time. */
export interface Share {
  /** All who do it together. */
  atOnce: number;
  /** One owner alone: less than all, so that there is something left for another. */
  each: number;
}

/** Who asks, and for what. */
export interface AcquireRequest<Item> {
  /** Among owners it goes by turns. */
  owner: string;
  accepts: (item: Item) => boolean;
  /** Ends the wait, with its reason. */
  signal: AbortSignal;
}

/** What was lent. */
export interface Acquired<Item> {
  item: Item;
  /** The work is over; the item can be lent again, unless it is gone. */
  end(how: 'returned' | 'gone'): void;
}

/** Lends what there is to those who ask, owner by owner in turn, and no more of it to one kind of work than it may have. */
export interface ResourcePool<Item, Work extends string> {
  /** Something new can be lent. */
  offer(item: Item): void;
  /** It is gone while nobody had it. */
  withdraw(item: Item): void;
  /** Waits for one that the caller accepts. */
  acquire(work: Work, request: AcquireRequest<Item>): Promise<Acquired<Item>>;
}

/**
 * Builds an empty one.
 *
 * @param onShortage called when more could be put to use than is at hand, with how many
 */
export function createResourcePool<Item, Work extends string>(
  shares: Record<Work, Share>,
  onShortage: (missing: number) => void,
): ResourcePool<Item, Work> {
  const idle: Item[] = [];
  const desks = (Object.keys(shares) as Work[]).map(
    (work) => [work, createDesk<Item>(shares[work])] as const,
  );
  const deskOf = new Map(desks);

  const match = () => {
    for (const [, desk] of desks) while (desk.serveNext(idle, match));
    const missing = desks.reduce((sum, [, desk]) => sum + desk.startable(), 0);
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
    acquire: (work, request) =>
      new Promise((resolve, reject) => {
        request.signal.throwIfAborted();
        deskOf.get(work)?.add(request, resolve, reject);
        match();
      }),
  };
}

/** One kind of work: who waits for it, and how many have something. */
function createDesk<Item>({ atOnce, each }: Share) {
  type Wait = Pick<AcquireRequest<Item>, 'accepts'> & { take: (acquired: Acquired<Item>) => void };
  const queue = createFairQueue<Wait>();
  const going = new Map<string, number>();
  const room = () => atOnce - [...going.values()].reduce((sum, n) => sum + n, 0);
  const roomOf = (owner: string) => each - (going.get(owner) ?? 0);

  const lend = (owner: string, item: Item, onEnd: () => void, idle: Item[]): Acquired<Item> => {
    going.set(owner, (going.get(owner) ?? 0) + 1);
    return {
      item,
      end(how) {
        const left = (going.get(owner) ?? 1) - 1;
        if (left > 0) going.set(owner, left);
        else going.delete(owner);
        if (how === 'returned') idle.push(item);
        onEnd();
      },
    };
  };

  return {
    add: (
      request: AcquireRequest<Item>,
      resolve: (acquired: Acquired<Item>) => void,
      reject: (reason: Error) => void,
    ): void => {
      const { owner, signal, accepts } = request;
      const giveUp = () => {
        queue.remove(owner, wait);
        reject(signal.reason as Error);
      };
      const take = (acquired: Acquired<Item>) => {
        signal.removeEventListener('abort', giveUp);
        resolve(acquired);
      };
      const wait: Wait = { accepts, take };
      signal.addEventListener('abort', giveUp, { once: true });
      queue.add(owner, wait);
    },
    /** Gives something of what is idle to the one whose turn it is. @returns whether there was both */
    serveNext: (idle: Item[], onEnd: () => void): boolean => {
      if (idle.length === 0 || room() <= 0) return false;
      for (const { owner, waits } of queue.inOrder()) {
        if (roomOf(owner) <= 0) continue;
        for (const wait of waits) {
          const at = idle.findIndex((item) => wait.accepts(item));
          const [item] = at < 0 ? [] : idle.splice(at, 1);
          if (item === undefined) continue;
          queue.serve(owner, wait);
          wait.take(lend(owner, item, onEnd, idle));
          return true;
        }
      }
      return false;
    },
    /** How many more could work if they had something. */
    startable: () =>
      Math.min(
        room(),
        queue
          .inOrder()
          .reduce((sum, { owner, waits }) => sum + Math.min(Math.max(0, roomOf(owner)), waits.length), 0),
      ),
  };
}
