// What Node itself takes to give out a file: a stream of it, piped. `node bench/download/plainServer.mjs FILE` prints
// its URL, and knows ranges of the form `bytes=FROM-` and `bytes=FROM-TO`.
import { createReadStream, statSync } from 'node:fs';
import http from 'node:http';

const [file = ''] = process.argv.slice(2);
const { size } = statSync(file);

const server = http.createServer((request, response) => {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const start = Number(from ?? 0);
  const end = to ? Number(to) : size - 1;
  response.writeHead(from === undefined ? 200 : 206, { 'content-length': end - start + 1 });
  createReadStream(file, { start, end }).pipe(response);
});
server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  process.stdout.write(`http://127.0.0.1:${port}/\n`);
});
