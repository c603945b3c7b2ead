import { once } from 'node:events';
import { connect } from 'node:net';
import { eventually } from './stoppedClock.ts';
import type { TestServer } from './testServer.ts';

/**
 * Submits a file, and does something while the server waits for the rest of it.
 *
 * @param requestId of the request, as its line in the log has it
 */
export async function uploadSlowly(
  server: TestServer,
  { requestId, file }: { requestId: string; file: Buffer },
  meanwhile: () => void,
): Promise<void> {
  const boundary = 'x'.repeat(20);
  const body = Buffer.concat([
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="song.wav"\r\n` +
        'Content-Type: audio/wav\r\n\r\n',
    ),
    file,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  const head = [
    'POST /api/v1/separate HTTP/1.1',
    'Host: localhost',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    `Content-Type: multipart/form-data; boundary=${boundary}`,
    `Content-Length: ${String(body.length)}`,
  ];
  const uploads = (await server.stored('inputs')).length;
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  const half = Math.floor(body.length / 2);
  socket.write(body.subarray(0, half));
  // Its head was read, and its file is being received.
  await eventually(async () => {
    if ((await server.stored('inputs')).length === uploads) throw new Error('nothing is received yet');
  });
  meanwhile();
  socket.write(body.subarray(half));
  socket.resume();
  await once(socket, 'close');
}
