import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { AppError } from '../../src/errors.ts';
import { readUploadForm } from '../../src/http/upload/multipart.ts';
import { openDataFolder } from './dataFolder.ts';
import { createUploads } from '../../src/service/upload.ts';
import { createLog } from '../../src/log/log.ts';

/** What the server answers: what it read, or why it could not. */
export type Read =
  | {
      fields: [string, readonly string[]][];
      file: { filename: string; base64: string } | null;
      extraFiles: number;
    }
  | { code: string; message: string };

/** An HTTP server that only reads upload forms, keeping the files in a folder of its own. */
export interface UploadServer {
  /** Sends raw bytes as the body, in these pieces, and gives what was answered. */
  post(request: {
    contentType?: string;
    pieces: readonly Buffer[];
    contentLength?: number | 'chunked';
  }): Promise<Read>;
  /** Sends the beginning of a body and hangs up. @returns once the server has noticed */
  hangUp(contentType: string, beginning: Buffer): Promise<void>;
  /** What lies in its folder. */
  stored(): Promise<string[]>;
  close(): Promise<void>;
}

/** Starts one; files above `maxBytes` are refused. */
export async function startUploadServer(maxBytes = 50_000_000): Promise<UploadServer> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-upload-'));
  await mkdir(path.join(root, 'inputs'));
  const files = openDataFolder(root);
  const queue = { hasInput: () => Promise.resolve(false) };
  const uploads = createUploads({ blobs: files, queue, maxBytes, log: createLog('silent') });
  let aborted: () => void = () => undefined;

  const server: Server = createServer((incoming, outgoing) => {
    const reading = readUploadForm(incoming, (source) => uploads.receive(source));
    const answering = reading.then(
      async ({ fields, file, extraFiles }): Promise<Read> => {
        if (!file) return { fields: [...fields], file, extraFiles };
        const base64 = (await readFile(file.upload.localPath)).toString('base64');
        await file.upload.discard();
        return { fields: [...fields], file: { filename: file.filename, base64 }, extraFiles };
      },
      (error: unknown): Read => ({
        code: error instanceof AppError ? error.code : 'UNEXPECTED',
        message: (error as Error).message,
      }),
    );
    void answering.then((read) => {
      aborted();
      outgoing.writeHead(200, { connection: 'close' }).end(JSON.stringify(read));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const head = (contentType: string | undefined, length: string) =>
    [
      'POST / HTTP/1.1',
      'Host: localhost',
      ...(contentType === undefined ? [] : [`Content-Type: ${contentType}`]),
      length,
      '',
      '',
    ].join('\r\n');

  return {
    post: ({ contentType, pieces, contentLength }) =>
      new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1');
        socket.setNoDelay(true);
        let answer = '';
        socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
        // The server may answer and hang up before it has read everything.
        socket.on('error', () => undefined);
        socket.on('close', () => {
          const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
          const json = body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1);
          if (json === '') reject(new Error(`no answer: ${answer}`));
          else resolve(JSON.parse(json) as Read);
        });
        const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
        const isChunked = contentLength === 'chunked';
        const length = isChunked
          ? 'Transfer-Encoding: chunked'
          : `Content-Length: ${String(contentLength ?? total)}`;
        socket.write(head(contentType, length));
        for (const piece of pieces) {
          if (piece.length === 0) continue;
          if (isChunked) socket.write(`${piece.length.toString(16)}\r\n`);
          socket.write(piece);
          if (isChunked) socket.write('\r\n');
        }
        if (isChunked) socket.write('0\r\n\r\n');
      }),
    hangUp: (contentType, beginning) =>
      new Promise((resolve) => {
        aborted = resolve;
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.write(head(contentType, `Content-Length: ${String(beginning.length + 1000)}`));
        socket.write(beginning, () => {
          setTimeout(() => socket.destroy(), 20);
        });
      }),
    stored: () => readdir(path.join(root, 'inputs')),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(root, { recursive: true, force: true });
    },
  };
}
