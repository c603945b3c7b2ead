/** The built server with the real engine, on real input: what a user gets, compared with MSST run by hand. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  call,
  ended,
  form,
  getTask,
  parseResults,
  submit,
  waitForTask,
  type WireTask,
} from '../support/client.ts';
import { startMsstByHand, type Asked, type Compared, type MsstByHand } from '../support/msstByHand.ts';
import { makeAudio, mediaPython } from '../support/python.ts';
import {
  childrenOf,
  projectRoot,
  pythonChildrenOf,
  startServerProcess,
  waitUntilGone,
  type ServerProcess,
} from '../support/serverProcess.ts';
import { makeTinyModel } from '../support/tinyModel.ts';

const TASK_MS = 240_000;
let files: string;

beforeAll(async () => {
  files = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-songs-'));
});
afterAll(() => rm(files, { recursive: true, force: true }));

/** Submits a file and waits for the end of its task. */
async function separate(
  server: ServerProcess,
  file: string,
  fields: Record<string, string> = {},
): Promise<WireTask> {
  const data = form(fields, { bytes: await readFile(file), name: path.basename(file) });
  const { task_id } = await submit(server.url, data);
  return waitForTask(server.url, task_id, ended, TASK_MS);
}

/** Downloads every stem of a task. @returns the file of each instrument */
async function download(server: ServerProcess, task: WireTask): Promise<Record<string, string>> {
  const results = parseResults((await call(server.url + task.links.results)).body);
  const stems: Record<string, string> = {};
  for (const stem of results.stems) {
    const answer = await fetch(server.url + stem.url);
    const file = path.join(files, `${task.task_id}.${stem.filename}`);
    await writeFile(file, new Uint8Array(await answer.arrayBuffer()));
    stems[stem.instrument] = file;
  }
  return stems;
}

/** MSST as run by hand, one process for each checkout: importing torch takes longer than a short song. */
const byHand = new Map<string, MsstByHand>();
afterAll(() => Promise.all([...byHand.values()].map((msst) => msst.close())));

/**
 * What plain `proc_folder` makes of the mixture, against the stems of the server. Samples depend on how many threads
 * torch and its libraries take: where they differ, a new process runs MSST once more, and only a run that it repeats
 * counts.
 */
async function compareWithMsst({
  msst_root = projectRoot,
  ...given
}: Pick<Asked, 'mixture' | 'stems'> & Partial<Asked> & { msst_root?: string }): Promise<Compared> {
  const asked = {
    config_path: path.join(projectRoot, 'configs/config_starter.yaml'),
    checkpoint_path: path.join(projectRoot, 'pretrain/starter.ckpt'),
    pcm_type: 'PCM_24',
    flac_file: false,
    ...given,
  };
  const compare = () => {
    const msst = byHand.get(msst_root) ?? startMsstByHand(msst_root);
    byHand.set(msst_root, msst);
    return msst.compare(asked);
  };
  const first = await compare();
  if (Object.values(first).every(({ equal }) => equal)) return first;
  await byHand.get(msst_root)?.close();
  byHand.delete(msst_root);
  const second = await compare();
  const isRepeated = Object.entries(first).every(([name, { of_msst }]) => second[name]?.of_msst === of_msst);
  return isRepeated ? first : second;
}

const same = { equal: true, silent: false, difference: 0 };

describe('the default model', () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServerProcess();
  }, 60_000);
  afterAll(async () => {
    const children = await pythonChildrenOf(server.process.pid ?? -1);
    await server.end('SIGTERM');
    await waitUntilGone(children);
    await rm(server.dataDir, { recursive: true, force: true });
  });

  test.each([
    ['wav', 'song.wav', {}],
    ['flac', 'song.flac', { output_format: 'flac' }],
    ['mp3', 'song.mp3', { output_format: 'wav', pcm_type: 'PCM_16' }],
    ['ogg-vorbis', 'song.ogg', { pcm_type: 'FLOAT' }],
    ['ogg-opus', 'song.opus', {}],
  ])(
    'makes of %s what MSST itself makes of it, sample for sample',
    async (kind, name, fields) => {
      const song = await makeAudio(kind, path.join(files, name), { seconds: 5 });
      const task = await separate(server, song, fields);
      expect(task).toMatchObject({ status: 'completed', attempts: 1, error: null, warnings: [] });
      const stems = await download(server, task);
      const { pcm_type, output_format } = task.parameters;
      expect(
        await compareWithMsst({ mixture: song, stems, pcm_type, flac_file: output_format === 'flac' }),
      ).toMatchObject({
        drums: same,
        bass: same,
        other: same,
      });
    },
    TASK_MS,
  );

  test.each([['m4a-aac'], ['m4a-alac']])(
    'makes of %s what MSST makes of the WAV it is staged as',
    async (kind) => {
      const song = await makeAudio(kind, path.join(files, `${kind}.m4a`), { seconds: 5 });
      const task = await separate(server, song);
      expect(task).toMatchObject({ status: 'completed', error: null });
      const staged = path.join(files, `${kind}.staged.wav`);
      await stageByHand(song, staged, 5);
      const stems = await download(server, task);
      expect(await compareWithMsst({ mixture: staged, stems })).toMatchObject({
        drums: same,
        bass: same,
        other: same,
      });
    },
    TASK_MS,
  );

  test(
    'is loaded once for all its tasks',
    async () => {
      const song = await makeAudio('wav', path.join(files, 'warm.wav'), { seconds: 3 });
      await separate(server, song);
      await separate(server, song);
      const loads = server.log
        .filter((line) => line['msg'] === 'an attempt computed its stems')
        .map((line) => line['modelLoads']);
      expect(loads.length).toBeGreaterThanOrEqual(2);
      expect(new Set(loads)).toEqual(new Set([1]));
    },
    TASK_MS,
  );

  test(
    'tells its progress at least every 5 s, never falling, with an estimate',
    async () => {
      const song = await makeAudio('flac', path.join(files, 'long.flac'), { seconds: 50 });
      const { task_id } = await submit(server.url, form({}, { bytes: await readFile(song) }));
      const seen: WireTask[] = [];
      await waitForTask(
        server.url,
        task_id,
        (task) => {
          seen.push(task);
          return ended(task);
        },
        TASK_MS,
      );
      const processing = seen.filter((task) => task.status === 'processing');
      expect(processing.length).toBeGreaterThan(10);
      for (const task of processing) {
        expect(task.progress.eta_seconds).toBeGreaterThanOrEqual(1);
      }
      const percents = processing.map((task) => task.progress.percent);
      expect(percents).toEqual([...percents].sort((a, b) => a - b));
      expect(new Set(percents).size).toBeGreaterThan(5);
      const renewals = [...new Set(processing.map((task) => Date.parse(task.progress.updated_at)))];
      const gaps = renewals.slice(1).map((at, index) => at - (renewals[index] ?? at));
      expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000);
      expect(seen.at(-1)?.progress.percent).toBe(100);
    },
    TASK_MS,
  );

  test(
    'goes on in a new worker when its worker is killed in the middle',
    async () => {
      const song = await makeAudio('wav', path.join(files, 'killed.wav'), { seconds: 12 });
      const { task_id } = await submit(server.url, form({}, { bytes: await readFile(song) }));
      await waitForTask(server.url, task_id, (task) => task.progress.percent > 10, TASK_MS);
      const worker = lastWorkerPid(server);
      process.kill(worker, 'SIGKILL');
      const task = await waitForTask(server.url, task_id, ended, TASK_MS);
      expect(task).toMatchObject({ status: 'completed', attempts: 2 });
      expect(lastWorkerPid(server)).not.toBe(worker);
      const stems = await download(server, task);
      expect(await compareWithMsst({ mixture: song, stems })).toMatchObject({
        drums: same,
        bass: same,
        other: same,
      });
    },
    TASK_MS,
  );
});

/** The process that the log last called ready. */
function lastWorkerPid(server: ServerProcess): number {
  const ready = server.log.filter((line) => line['msg'] === 'a worker is ready');
  return ready.at(-1)?.['pid'] as number;
}

async function stageByHand(from: string, to: string, seconds: number): Promise<void> {
  const code = [
    'import sys',
    'from python_worker.media import stage',
    'from python_worker.protocol import StageParams',
    'stage(StageParams(task_id="t", attempt=1, path=sys.argv[1], container="mp4", duration_seconds=float(sys.argv[3]), output_path=sys.argv[2]), lambda: False)',
  ].join('\n');
  await new Promise<void>((resolve, reject) => {
    execFile(mediaPython, ['-c', code, from, to, String(seconds)], { cwd: projectRoot }, (error) => {
      if (error) reject(new Error(error.message));
      else resolve();
    });
  });
}

describe("a user's own MSST", () => {
  test(
    "of the shape of the GUI's fork gives the samples that it gives by hand",
    async () => {
      const [root, callShape] = ['test/python/msst_gui_fork', 'demix'];
      const msst_root = path.join(projectRoot, root);
      const model = await makeTinyModel(msst_root, path.join(files, callShape));
      const server = await startServerProcess({
        settings: { msst_root, models: [model], default_model_type: 'mine' },
      });
      try {
        const song = await makeAudio('wav', path.join(files, `${callShape}.wav`), { seconds: 4 });
        const task = await separate(server, song, { pcm_type: 'FLOAT' });
        expect(task).toMatchObject({ status: 'completed', model_type: 'mine' });
        expect(server.log.find((line) => line['msg'] === 'a worker is ready')).toMatchObject({
          msst: { call_shape: callShape },
        });
        const stems = await download(server, task);
        const compared = await compareWithMsst({
          mixture: song,
          stems,
          pcm_type: 'FLOAT',
          msst_root,
          ...{ config_path: model.config_path, checkpoint_path: model.checkpoint_path },
        });
        expect(Object.values(compared).map(({ equal }) => equal)).toEqual(Object.keys(stems).map(() => true));
      } finally {
        await server.end('SIGTERM');
        await rm(server.dataDir, { recursive: true, force: true });
      }
    },
    TASK_MS,
  );
});

test(
  'every option of a task reaches MSST: together they make what it makes with them by hand, and each alone something else',
  async () => {
    const msst_root = path.join(projectRoot, 'test/python/msst_upstream');
    const model = await makeTinyModel(msst_root, path.join(files, 'options'));
    const server = await startServerProcess({ settings: { msst_root, models: [model] } });
    try {
      const song = await makeAudio('wav', path.join(files, 'options.wav'), { seconds: 2 });
      const separateSo = async (fields: Record<string, string>) => {
        const task = await separate(server, song, { model_type: 'mine', pcm_type: 'FLOAT', ...fields });
        expect(task).toMatchObject({ status: 'completed', error: null, warnings: [] });
        const { stems } = parseResults((await call(server.url + task.links.results)).body);
        return { task, sha256: stems.map((stem) => stem.sha256).join(), names: stems.map(nameOf) };
      };
      const plain = await separateSo({});
      expect(server.log.find((line) => line['msg'] === 'a worker is ready')).toMatchObject({
        msst: { call_shape: 'bigshifts' },
      });
      const told = { use_tta: 'yes', bigshifts: '2', num_overlap: '4' };
      const alone = [plain.sha256];
      for (const option of Object.entries(told)) {
        alone.push((await separateSo(Object.fromEntries([option]))).sha256);
      }
      expect(new Set(alone).size).toBe(alone.length);

      const { task, names } = await separateSo({ ...told, batch_size: '2', extract_instrumental: '1' });
      expect(names).toEqual([...plain.names, 'instrumental.wav']);
      const config = JSON.parse(await readFile(model.config_path, 'utf8')) as object;
      const config_path = path.join(files, 'options-by-hand.yaml');
      await writeFile(
        config_path,
        JSON.stringify({ ...config, inference: { batch_size: 2, num_overlap: 4 } }),
      );
      // Which MSST makes otherwise than we do.
      const { instrumental: _, ...stems } = await download(server, task);
      expect(
        await compareWithMsst({
          ...{ mixture: song, stems, pcm_type: 'FLOAT' },
          ...{ msst_root, config_path, checkpoint_path: model.checkpoint_path },
          ...{ use_tta: true, bigshifts: 2 },
        }),
      ).toMatchObject({ vocals: same, other: same });
    } finally {
      await server.end('SIGTERM');
      await rm(server.dataDir, { recursive: true, force: true });
    }
  },
  TASK_MS,
);

const nameOf = (stem: { filename: string }) => stem.filename;

test(
  'a mixture too long to be held goes through MSST in pieces, and comes out as MSST makes it of the whole',
  async () => {
    const msst_root = path.join(projectRoot, 'test/python/msst_upstream');
    const model = await makeTinyModel(msst_root, path.join(files, 'long'));
    const server = await startServerProcess({ settings: { msst_root, models: [model] } });
    try {
      const song = await makeAudio('wav', path.join(files, 'long.wav'), { seconds: 320 });
      const fields = { model_type: model.name, pcm_type: 'FLOAT', bigshifts: '2' };
      const task = await separate(server, song, fields);
      expect(task).toMatchObject({ status: 'completed', attempts: 1, error: null, warnings: [] });
      const said = server.log.map(({ line }) => line);
      expect(said).toContain('the mixture is separated in 2 pieces');
      expect(await readdir(path.join(server.dataDir, 'tmp'))).toEqual([]);
      const stems = await download(server, task);
      const asked = { mixture: song, stems, pcm_type: 'FLOAT', bigshifts: 2 };
      const by = { msst_root, config_path: model.config_path, checkpoint_path: model.checkpoint_path };
      expect(await compareWithMsst({ ...asked, ...by })).toMatchObject({ vocals: same, other: same });
    } finally {
      await server.end('SIGTERM');
      await rm(server.dataDir, { recursive: true, force: true });
    }
  },
  TASK_MS,
);

describe('the whole server', () => {
  test(
    'killed in the middle leaves no child behind, and finishes the task at its next start',
    async () => {
      const song = await makeAudio('wav', path.join(files, 'server-killed.wav'), { seconds: 12 });
      const first = await startServerProcess();
      const { task_id } = await submit(first.url, form({}, { bytes: await readFile(song) }));
      const waiting = await submit(first.url, form({}, { bytes: await readFile(song), name: 'second.wav' }));
      await waitForTask(first.url, task_id, (task) => task.progress.percent > 10, TASK_MS);
      const children = await pythonChildrenOf(first.process.pid ?? -1);
      expect(children.length).toBe(2);
      await first.end('SIGKILL');
      await waitUntilGone(children, 1_000);

      const second = await startServerProcess({ dataDir: first.dataDir });
      try {
        for (const id of [task_id, waiting.task_id]) {
          expect((await waitForTask(second.url, id, ended, TASK_MS)).status).toBe('completed');
        }
        expect((await getTask(second.url, task_id)).attempts).toBe(2);
      } finally {
        await second.end('SIGTERM');
        await rm(first.dataDir, { recursive: true, force: true });
      }
    },
    TASK_MS,
  );

  test.each([
    ['SIGTERM to npm', (pid: number) => process.kill(pid, 'SIGTERM')],
    // What a terminal does: every process of the foreground group gets it.
    ['one Ctrl-C', (pid: number) => process.kill(-pid, 'SIGINT')],
  ])(
    'started by npm drains what runs and ends with all its children at %s',
    async (_name, stop) => {
      const song = await makeAudio('wav', path.join(files, 'drain.wav'), { seconds: 8 });
      const server = await startServerProcess({
        command: ['npm', 'start', '--silent', '--'],
        // However busy the machine is, the song ends within it.
        settings: { shutdown_timeout_seconds: '2m' },
      });
      const pid = server.process.pid ?? -1;
      const { task_id } = await submit(server.url, form({}, { bytes: await readFile(song) }));
      await waitForTask(server.url, task_id, (task) => task.progress.stage === 'separating', TASK_MS);
      const serverPid = (await childrenOf(pid))[0]?.pid ?? -1;
      const children = await pythonChildrenOf(serverPid);
      expect(children.length).toBe(2);
      const ending = new Promise<number | null>((resolve) => server.process.once('exit', resolve));
      stop(pid);
      await ending;
      await waitUntilGone([serverPid, ...children]);
      expect(server.log.some((line) => line['msg'] === 'stopped')).toBe(true);

      const again = await startServerProcess({ dataDir: server.dataDir });
      const task = await getTask(again.url, task_id);
      await again.end('SIGTERM');
      await rm(server.dataDir, { recursive: true, force: true });
      expect(task).toMatchObject({ status: 'completed', attempts: 1 });
    },
    TASK_MS,
  );
});
