import { createFairQueue } from './fairQueue.ts';

/** Concurrency limits for one kind of work. */
export interface Share {
  /** Across all owners. */
  atOnce: number;
  /** Per owner; lower than `atOnce`, so that one owner cannot take everything. */
  each: number;
}

/** A request for an item. */
export interface AcquireRequest<Item> {
  /** Owners take turns. */
  owner: string;
  accepts: (item: Item) => boolean;
  /** Cancels the wait; the promise rejects with its reason. */
  signal: AbortSignal;
}

/** An acquired item. */
export interface Acquired<Item> {
  item: Item;
  /** Releases the item. `gone`: it no longer exists and is not put back. */
  end(how: 'returned' | 'gone'): void;
}

/** A pool that hands out items fairly: owners take turns, within the limits of each kind of work. */
export interface ResourcePool<Item, Work extends string> {
  /** Adds an item. */
  offer(item: Item): void;
  /** Removes an idle item that no longer exists. */
  withdraw(item: Item): void;
  /** Waits for an item that the request accepts. */
  acquire(work: Work, request: AcquireRequest<Item>): Promise<Acquired<Item>>;
}

/**
 * Creates an empty pool.
 *
 * @param onShortage called with how many more items could be used right now
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

/** The waiting requests and acquired items of one kind of work. */
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
    /** Serves the next request in turn. @returns false when nothing is idle or no request can be served */
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
    /** How many waiting requests could be served if items were available. */
    startable: () =>
      Math.min(
        room(),
        queue
          .inOrder()
          .reduce((sum, { owner, waits }) => sum + Math.min(Math.max(0, roomOf(owner)), waits.length), 0),
      ),
  };
}
