// A process of its own that downloads and throws away, so cheaply that it is not what limits: one buffer for each
// connection, used again and again. `node bench/download/client.mjs URL AT-ONCE TIMES [RANGE]` prints as JSON how many
// bytes came each time, and in how many seconds.
import { once } from 'node:events';
import net from 'node:net';

const BUFFER_BYTES = 1024 * 1024;
const END_OF_HEAD = '\r\n\r\n';
const [url = '', atOnce = '', times = '', range] = process.argv.slice(2);
const { hostname, port, pathname } = new URL(url);

const downloads = [];
for (let time = 0; time < Number(times); time += 1) {
  const beganAt = performance.now();
  const bytes = await Promise.all(Array.from({ length: Number(atOnce) }, download));
  const seconds = (performance.now() - beganAt) / 1000;
  downloads.push({ bytes: bytes.reduce((sum, one) => sum + one, 0), seconds });
}
process.stdout.write(JSON.stringify(downloads));

/** @returns {Promise<number>} bytes of the body, which were as many as the head had said */
async function download() {
  let head = '';
  let received = 0;
  const buffer = Buffer.alloc(BUFFER_BYTES);
  const callback = (/** @type {number} */ bytes) => {
    received += bytes;
    if (!head.includes(END_OF_HEAD)) head += buffer.toString('latin1', 0, bytes);
    return true;
  };
  const socket = net.connect({ host: hostname, port: Number(port), onread: { buffer, callback } });
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n` +
      `${range === undefined ? '' : `Range: bytes=${range}\r\n`}\r\n`,
  );
  await once(socket, 'close');
  const expected = Number(/^content-length: (\d+)/im.exec(head)?.[1]);
  const bytes = received - head.indexOf(END_OF_HEAD) - END_OF_HEAD.length;
  const status = range === undefined ? 200 : 206;
  if (!head.startsWith(`HTTP/1.1 ${status} `) || bytes !== expected) {
    throw new Error(`${bytes} of ${expected} bytes came: ${head.slice(0, 500)}`);
  }
  return bytes;
}
