import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ProgressStage } from '../../../src/tasks/progress.ts';
import type { TestServer } from '../testServer.ts';

/** What one stand-in worker noted: that it started, what it was told, that one of its calls began or ended, that it dies in one, or what one started. */
export interface DiaryEntry {
  event: 'start' | 'initialize' | 'begin' | 'end' | 'die' | 'grandchild' | 'prepare' | 'load';
  pid: number;
  /** Its CUDA_VISIBLE_DEVICES; `cpu` where that is empty. */
  device: string;
  /** When, by the machine's clock that never jumps (milliseconds). */
  ms: number;
  task_id?: string;
  attempt?: number;
  /** What came with the call, as it came. */
  params?: unknown;
  /** Of a start: what of its environment binds it to its device. */
  env?: Record<string, string>;
  /** The pid of the process that was started. */
  grandchild?: number;
}

/** The strings to the stand-in workers of one server. */
export interface StandIns {
  /** Every call that comes to this stage waits there, until `release`. */
  hold(stage: ProgressStage): Promise<void>;
  release(): Promise<void>;
  /** Whatever the plan says, every call does what `toldTask` tells it. */
  waitToBeTold(): Promise<void>;
  /** Workers of these devices cannot start from now on; of all others they can. */
  breakDevices(devices: readonly string[]): Promise<void>;
  /** Workers of these devices end themselves in every task from now on, as their GPU failed them; no others do. */
  failDevices(devices: readonly string[]): Promise<void>;
  /** Every GPU has so much memory, of which a loaded model holds `held`, and a separation takes what stands by its model. */
  giveMemory(memory: { total: number; held: number; peaks: Record<string, number> }): Promise<void>;
  /** What they noted since the server's first start, in order. */
  diary(): Promise<DiaryEntry[]>;
}

/** Takes them up. */
export function standInsOf(server: Pick<TestServer, 'dataDir'>): StandIns {
  const beside = (name: string) => path.join(server.dataDir, `plan.${name}`);
  // By renaming, so that no worker reads half of it.
  const put = async (name: string, content: string) => {
    await writeFile(`${beside(name)}.new`, content);
    await rename(`${beside(name)}.new`, beside(name));
  };
  return {
    hold: (stage) => put('hold', stage),
    release: () => rm(beside('hold'), { force: true }),
    waitToBeTold: () => put('told', ''),
    breakDevices: (devices) => put('broken', devices.join('\n')),
    failDevices: (devices) => put('failing', devices.join('\n')),
    giveMemory: (memory) => put('memory', JSON.stringify(memory)),
    async diary() {
      const text = await readFile(beside('diary'), 'utf8').catch(() => '');
      // The last line may still be in the making.
      const lines = text
        .slice(0, text.lastIndexOf('\n') + 1)
        .split('\n')
        .filter(Boolean);
      return lines.map((line) => JSON.parse(line) as DiaryEntry);
    },
  };
}

/** The most calls that ran at one moment. A worker's start ends whatever its predecessor of that device began. */
export function mostAtOnce(diary: readonly DiaryEntry[]): number {
  const running = new Set<string>();
  let most = 0;
  for (const { event, device } of diary) {
    if (event === 'begin') running.add(device);
    if (event === 'start' || event === 'end' || event === 'die') running.delete(device);
    most = Math.max(most, running.size);
  }
  return most;
}
