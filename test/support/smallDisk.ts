import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** A real, small file system that only those processes see which are started in it. */
export interface SmallDisk {
  /** Where its processes find it. */
  mountPoint: string;
  /** Where this process finds it. */
  path: string;
  /** Goes before the command of a process that is to see it. */
  enter: readonly [string, ...string[]];
  /** Fills it to the last byte with the file of this name. */
  fill(name: string): void;
  dispose(): Promise<void>;
}

const MOUNT = 'mount -t tmpfs -o size=$1,mode=0755 none "$0" && echo mounted && exec sleep 600';

/** Why there can be none here; undefined: there can. */
export function smallDiskMissing(): string | undefined {
  const tried = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { encoding: 'utf8' });
  return tried.status === 0
    ? undefined
    : `no file system may be mounted here: ${tried.stderr || 'no unshare'}`;
}

/** Makes one of this size, as `24m`, on an empty folder. */
export async function makeSmallDisk(mountPoint: string, size: string): Promise<SmallDisk> {
  mkdirSync(mountPoint, { recursive: true });
  const holder: ChildProcess = spawn('unshare', ['-m', 'sh', '-c', MOUNT, mountPoint, size], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (!holder.stdout) throw new Error('no pipe to the holder of the disk');
  await once(createInterface({ input: holder.stdout }), 'line');
  const pid = String(holder.pid);
  const root = `/proc/${pid}/root${mountPoint}`;
  return {
    mountPoint,
    path: root,
    enter: ['nsenter', '-t', pid, '-m', `--wd=${process.cwd()}`],
    fill(name) {
      const file = openSync(`${root}/${name}`, 'a');
      for (let size = 1 << 20; size >= 1; size = size >> 1) {
        try {
          for (;;) if (writeSync(file, Buffer.alloc(size, 'x')) < size) break;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
      closeSync(file);
    },
    async dispose() {
      const gone = once(holder, 'exit');
      holder.kill('SIGKILL');
      await gone;
      await rm(mountPoint, { recursive: true, force: true });
    },
  };
}
