/** Why a server cannot listen where it was told to, for the person who told it. */
import os from 'node:os';

const MOST_ADDRESSES = 8;

/**
 * @param error what `listen` failed with
 * @param asked.host as configured
 * @param asked.port as configured
 * @returns a sentence with what is allowed; null: the error is of another kind
 */
export function describeListenProblem(
  error: NodeJS.ErrnoException,
  { host, port }: { host: string; port: number },
): string | null {
  const { code = '', syscall } = error;
  const where = JSON.stringify(host);
  if (syscall === 'getaddrinfo') {
    return `The server cannot listen on ${where}: that is no address, and no name for which this machine finds one (${code}). ${allowedHosts()}`;
  }
  if (syscall !== 'listen' && syscall !== 'bind') return null;
  if (code === 'EADDRINUSE') {
    return `Port ${String(port)} on ${host} is in use. Choose another: npm start -- --port N`;
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return `The user of this server may not listen on port ${String(port)} of ${host} (${code}). Allowed are mostly those from 1024 to 65535: npm start -- --port N`;
  }
  return `The server cannot listen on ${where}: that is no address of this machine (${code}). ${allowedHosts()}`;
}

function allowedHosts(): string {
  const own = Object.values(os.networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    // Of those, each needs the name of its interface behind it.
    .filter(({ address }) => !address.startsWith('fe80:'))
    .map(({ address }) => address);
  return `Set host to ${[...own.slice(0, MOST_ADDRESSES), 'a name of one of them'].join(', ')}, or to 0.0.0.0 or :: for all, without a port and without brackets: npm start -- --host ADDRESS`;
}
