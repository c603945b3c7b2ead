/** The server listens where the configuration says, and nowhere else. */
import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { startTestServer } from '../support/testServer.ts';

/** What comes of a connection to this address. */
async function connect(host: string, port: number): Promise<string> {
  const socket = net.connect({ host, port });
  try {
    await once(socket, 'connect');
    return 'connected';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'failed';
  } finally {
    socket.destroy();
  }
}

test.each([
  { host: '127.0.0.1', answers: ['127.0.0.1'], refuses: ['127.0.0.2', '127.0.0.3'] },
  { host: '127.0.0.2', answers: ['127.0.0.2'], refuses: ['127.0.0.1', '127.0.0.3'] },
  { host: '0.0.0.0', answers: ['127.0.0.1', '127.0.0.2'], refuses: [] },
])('with host $host it answers at $answers and not at $refuses', async ({ host, answers, refuses }) => {
  const server = await startTestServer({ host });
  try {
    const { hostname, port } = new URL(server.url);
    expect(hostname).toBe(host);
    for (const at of answers) {
      expect((await fetch(`http://${at}:${port}/openapi.json`)).status).toBe(200);
    }
    for (const at of refuses) expect(await connect(at, Number(port))).toBe('ECONNREFUSED');
  } finally {
    await server.dispose();
  }
});
