/** Explains to the administrator why the server cannot listen on the configured address. */
import os from 'node:os';

const MOST_ADDRESSES = 8;

/**
 * Describes an error of `listen`.
 *
 * @param error the error
 * @param asked.host as configured
 * @param asked.port as configured
 * @returns a sentence that includes what is allowed; null for any other kind of error
 */
export function describeListenProblem(
  error: NodeJS.ErrnoException,
  { host, port }: { host: string; port: number },
): string | null {
  const { code = '', syscall } = error;
  const where = JSON.stringify(host);
  if (syscall === 'getaddrinfo') {
    return `The server cannot listen on ${where}: it is neither an address nor a name that this machine can resolve (${code}). ${allowedHosts()}`;
  }
  if (syscall !== 'listen' && syscall !== 'bind') return null;
  if (code === 'EADDRINUSE') {
    return `Port ${String(port)} on ${host} is in use. Choose another: npm start -- --port N`;
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return `The user of this server may not listen on port ${String(port)} of ${host} (${code}). Ports from 1024 to 65535 are usually allowed: npm start -- --port N`;
  }
  return `The server cannot listen on ${where}: it is not an address of this machine (${code}). ${allowedHosts()}`;
}

function allowedHosts(): string {
  const own = Object.values(os.networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    // Link-local addresses need a zone suffix (the interface's name).
    .filter(({ address }) => !address.startsWith('fe80:'))
    .map(({ address }) => address);
  return `Set host to ${[...own.slice(0, MOST_ADDRESSES), 'a name of one of them'].join(', ')}, or to 0.0.0.0 or :: for all, without a port and without brackets: npm start -- --host ADDRESS`;
}
