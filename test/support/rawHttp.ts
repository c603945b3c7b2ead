import { once } from 'node:events';
import net from 'node:net';

/** What came back for bytes that no HTTP client would send. */
export interface RawAnswer {
  status: number;
  headers: Headers;
  body: string;
}

/** Sends bytes as they are, and reads until the server hangs up. */
export async function sendRaw(baseUrl: string, bytes: string): Promise<RawAnswer> {
  const socket = net.connect(Number(new URL(baseUrl).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  // It may hang up before it has read everything.
  socket.on('error', () => undefined);
  socket.write(bytes, 'latin1');
  await once(socket, 'close');
  const [head, body] = splitOnce(answer, '\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line) => splitOnce(line, ': '));
  return { status: Number(statusLine.split(' ')[1]), headers: new Headers(headers), body };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
