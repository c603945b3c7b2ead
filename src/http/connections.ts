/** How many connections there may be: more than honest clients need, and fewer than there are descriptors. */
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import type { Log } from '../log.ts';
import { clientAddress } from './clientAddress.ts';
import { Quota } from './quota.ts';

/** How many connections may be open, of whomever and of one address. */
export interface ConnectionBounds {
  ofAll: number;
  ofOneAddress: number;
}

const MOST: ConnectionBounds = { ofAll: 4_096, ofOneAddress: 1_024 };

/**
 * What this process can afford: a connection may need a second descriptor for the file that it sends or brings, and
 * the third part is left to everything else.
 *
 * @param trustsProxy every connection comes from the proxy, which has bounds of its own
 * @param limitsFile where the kernel tells the limits of this process; another in tests only
 */
export async function connectionBounds(
  trustsProxy: boolean,
  limitsFile = '/proc/self/limits',
): Promise<ConnectionBounds> {
  const ofAll = Math.min(MOST.ofAll, Math.floor((await descriptorLimit(limitsFile)) / 3));
  const ofOneAddress = trustsProxy ? ofAll : Math.min(MOST.ofOneAddress, Math.ceil(ofAll / 2));
  return { ofAll, ofOneAddress };
}

/** Node has raised it as far as it may; where nothing tells it, it does not bound. */
async function descriptorLimit(file: string): Promise<number> {
  const limits = await readFile(file, 'utf8').catch(() => '');
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity);
}

/** Holds a server to them: a connection too many is closed at once. */
export function boundConnections(server: Server, bounds: ConnectionBounds, log: Log): void {
  const quota = new Quota(bounds);
  server.on('connection', (connection) => {
    const address = clientAddress(connection.remoteAddress ?? '', undefined);
    if (quota.take(address)) {
      connection.once('close', () => {
        quota.giveBack(address);
      });
      return;
    }
    log.warn({ address, ...bounds }, 'a connection was refused: there are too many');
    connection.destroy();
  });
}
