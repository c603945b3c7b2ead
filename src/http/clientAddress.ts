import { isIP } from 'node:net';

/**
 * The address that a request counts for. Behind a trusted proxy it is the last entry of X-Forwarded-For: the
 * one that proxy added itself; what stands before it was the client's to invent. An IPv6 client counts with its /64
 * network, of which it can take any address.
 *
 * @param socketAddress the other end of the connection
 * @param forwardedFor the header of a trusted proxy; undefined: there is none
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
  // The shortest spelling, which URL gives, has one gap at most.
  const [head = '', tail] = new URL(`http://[${unscoped}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const ends = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - groups(head).length - ends.length }, () => '0');
  return `${[...groups(head), ...zeros, ...ends].slice(0, 4).join(':')}::/64`;
}
