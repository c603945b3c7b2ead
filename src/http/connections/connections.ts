/** Connection limits: more than honest clients need, and fewer than there are file descriptors. */
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import type { Log } from '../../log/log.ts';
import { clientAddress } from '../request/clientAddress.ts';
import { Quota } from './quota.ts';

/** Maximum number of open connections, in total and per address. */
export interface ConnectionBounds {
  ofAll: number;
  ofOneAddress: number;
}

const MOST: ConnectionBounds = { ofAll: 4_096, ofOneAddress: 1_024 };

/**
 * Derives the limits from this process's descriptor limit: a connection may need a second descriptor for the file
 * it uploads or downloads, and a third of them is left for everything else.
 *
 * @param trustsProxy true: every connection comes from the proxy, which has its own limits, so none applies per
 *   address
 * @param limitsFile the kernel's file with the limits of this process; different only in tests
 */
export async function connectionBounds(
  trustsProxy: boolean,
  limitsFile = '/proc/self/limits',
): Promise<ConnectionBounds> {
  const ofAll = Math.min(MOST.ofAll, Math.floor((await descriptorLimit(limitsFile)) / 3));
  const ofOneAddress = trustsProxy ? ofAll : Math.min(MOST.ofOneAddress, Math.ceil(ofAll / 2));
  return { ofAll, ofOneAddress };
}

/** The soft limit, which Node has raised as far as allowed. Infinity if it is unlimited or cannot be read. */
async function descriptorLimit(file: string): Promise<number> {
  const limits = await readFile(file, 'utf8').catch(() => '');
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity);
}

/** Enforces the limits on a server: excess connections are closed immediately. */
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
    log.warn({ address, ...bounds }, 'a connection was refused: too many are open');
    connection.destroy();
  });
}
