import { once } from 'node:events';
import net from 'node:net';

/** One HTTP answer, as it came over the wire. */
export interface RawAnswer {
  status: number;
  headers: Headers;
  body: string;
}

const DEADLINE_MS = 15_000;

/**
 * Sends bytes as they are on a connection of their own and reads until the server closes it.
 *
 * @param options.halfClose says that nothing more comes: the server must do with what it has
 * @returns every final answer, in order; none when the server hung up without one
 */
export async function sendRaw(
  baseUrl: string,
  pieces: readonly (string | Buffer)[],
  options: { halfClose?: boolean } = {},
): Promise<RawAnswer[]> {
  const socket = net.connect({ port: Number(new URL(baseUrl).port), host: '127.0.0.1', allowHalfOpen: true });
  const received: Buffer[] = [];
  socket.on('data', (data: Buffer) => received.push(data));
  // A server that refuses closes before it was sent everything; what it answered is what counts.
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  socket.on('end', () => socket.end());
  const timer = setTimeout(() => socket.destroy(), DEADLINE_MS);
  for (const piece of pieces) {
    if (socket.writable && !socket.write(piece)) await Promise.race([once(socket, 'drain'), closed]);
  }
  if (options.halfClose === true) socket.end();
  await closed;
  clearTimeout(timer);
  return readAnswers(Buffer.concat(received));
}

function readAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const headEnd = rest.indexOf('\r\n\r\n');
    if (headEnd < 0) throw new Error(`no whole answer: ${rest.toString().slice(0, 200)}`);
    const [statusLine = '', ...lines] = rest.toString('latin1', 0, headEnd).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
    const headers = new Headers(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1).trim()];
      }),
    );
    rest = rest.subarray(headEnd + 4);
    if (status < 200) continue;
    const { body, bytesRead } = readBody(headers, rest);
    rest = rest.subarray(bytesRead);
    answers.push({ status, headers, body });
  }
  return answers;
}

function readBody(headers: Headers, rest: Buffer): { body: string; bytesRead: number } {
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(rest);
  const length = headers.get('content-length');
  const bytesRead = length === null ? 0 : Number(length);
  return { body: rest.toString('utf8', 0, bytesRead), bytesRead };
}

function readChunks(bytes: Buffer): { body: string; bytesRead: number } {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const start = lineEnd + 2;
    if (lineEnd < 0 || Number.isNaN(size)) throw new Error('a chunked answer that breaks off');
    chunks.push(bytes.subarray(start, start + size));
    at = start + size + 2;
    if (size === 0) return { body: Buffer.concat(chunks).toString(), bytesRead: at };
  }
}
