import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';

const executable = ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/bin/nginx'].find(existsSync);

/** Why no nginx can be started here; null: one can. */
export const nginxMissing = executable === undefined ? 'there is no nginx' : null;

/** A running nginx. */
export interface Nginx {
  /** Reaches it over a socket in a folder of its own: no port to be chosen and then bound. */
  url: string;
  close(): Promise<void>;
}

/** Starts one whose only server has these directives. */
export async function startNginx(directives: string): Promise<Nginx> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-nginx-'));
  const socket = path.join(folder, 'nginx.sock');
  const file = path.join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ');
  await writeFile(
    file,
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http { access_log off; absolute_redirect off; ${temporary} server { listen unix:${socket}; ${directives} } }
`,
  );
  execFileSync(executable ?? 'nginx', ['-t', '-q', '-c', file, '-e', `${folder}/error.log`]);
  const child = spawn(executable ?? 'nginx', ['-c', file, '-e', `${folder}/error.log`], { stdio: 'ignore' });
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 20));
  // A port of the system's choice that leads to that socket, for browsers and fetch.
  const door = net.createServer((client) => {
    const inner = net.connect(socket);
    client.pipe(inner).pipe(client);
    client.on('error', () => inner.destroy());
    inner.on('error', () => client.destroy());
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  return {
    url: `http://127.0.0.1:${String((door.address() as AddressInfo).port)}`,
    async close() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      door.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
