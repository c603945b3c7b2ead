import { isIP } from 'node:net';

/**
 * Returns the address a request counts against. Behind a trusted proxy it is the last entry of X-Forwarded-For,
 * which the proxy added itself; the client can forge the earlier ones. An IPv6 client is identified by its /64
 * network, since it can use any address in it.
 *
 * @param socketAddress the peer address of the connection
 * @param forwardedFor the header of a trusted proxy; undefined: there is no such proxy or header
 */
export function clientAddress(socketAddress: string, forwardedFor: string | undefined): string {
  const last = forwardedFor?.split(',').at(-1)?.trim() ?? '';
  const bare = last.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1');
  return networkOf(isIP(bare) === 0 ? socketAddress : bare);
}

function networkOf(address: string): string {
  const [unscoped = ''] = address.split('%', 1);
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(unscoped)?.[1];
  if (mapped !== undefined || isIP(unscoped) !== 6) return mapped ?? unscoped;
  // `URL` gives the shortest spelling, which has at most one `::`.
  const [head = '', tail] = new URL(`http://[${unscoped}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const ends = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - groups(head).length - ends.length }, () => '0');
  return `${[...groups(head), ...zeros, ...ends].slice(0, 4).join(':')}::/64`;
}
