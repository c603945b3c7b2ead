import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { recover } from '../../../src/retention/recovery.ts';
import { openDataFolder, type DataFolder } from '../../support/dataFolder.ts';
import { createRunningAttempts } from '../../../src/tasks/runningAttempts.ts';
import { createTaskLog } from '../../../src/tasks/taskLog.ts';
import { completion, failure, newTask } from '../../support/newTask.ts';
import { openQueueOnDisk, type QueueOnDisk } from '../../support/queueOnDisk.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { claim } from '../../support/claim.ts';
import { attemptOf } from '../../support/attemptOf.ts';
import { acceptTask } from '../../support/acceptTask.ts';

const LOST = { outcome: 'worker_died', countsAsFailure: true, notBefore: null } as const;

let disk: QueueOnDisk;
let files: DataFolder;
let lines: unknown[];
const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
beforeEach(async () => {
  disk = await openQueueOnDisk();
  lines = [];
  disk.events.subscribe(createTaskLog(log, createRunningAttempts()));
  files = openDataFolder(await temporaryFolder());
});
afterEach(() => disk.dispose());

const put = (key: string) => files.put(key);

/** Accepts a task whose file is there. */
async function accept() {
  const task = await acceptTask(disk.queue, newTask(), 1000);
  await put(task.mixture.storageKey);
  return task;
}

const start = async () => {
  disk.reopen();
  await recover({ queue: disk.queue, blobs: files, workspace: files.workspace, log });
};

test('an interrupted task is pending again; what its attempt had written is gone, its input is not', async () => {
  const task = await accept();
  await claim(disk.queue);
  await put(`results/${task.taskId}/1/drums.wav`);
  await put(`tmp/${task.taskId}.1/mixture.wav`);
  await start();
  expect(await disk.queue.find(task.taskId, null)).toMatchObject({ status: 'pending', failures: 0 });
  expect(await files.list('results')).toEqual([]);
  expect(await files.list('tmp')).toEqual([]);
  expect(await files.size(task.mixture.storageKey)).toBe(1);
});

test('a task that was interrupted by three deaths in a row has failed: its line says so, its output is gone, and its input stays for as long as any failed one', async () => {
  const task = await accept();
  for (const attempt of [1, 2, 3]) {
    await claim(disk.queue);
    await put(`results/${task.taskId}/${String(attempt)}/drums.wav`);
    lines = [];
    await start();
  }
  const { failure: reason } = (await disk.queue.find(task.taskId, null))!;
  expect(reason).toMatchObject({ code: 'WORKER_CRASHED' });
  expect(lines).toContainEqual(
    expect.objectContaining({
      msg: 'task status',
      status: 'failed',
      taskId: task.taskId,
      attempt: 3,
      outcome: 'server_died',
      failure: reason,
    }),
  );
  expect(lines).not.toContainEqual(expect.objectContaining({ status: 'requeued' }));
  expect(await files.list('results')).toEqual([]);
  expect(await files.size(task.mixture.storageKey)).toBe(1);
});

test('of a completed task the attempt that completed it stays, and no other', async () => {
  const task = await accept();
  await claim(disk.queue);
  await disk.queue.requeue(attemptOf(task.taskId, 1), LOST);
  await claim(disk.queue);
  await put(`results/${task.taskId}/1/drums.wav`);
  await put(`results/${task.taskId}/2/drums.wav`);
  await disk.queue.finish(attemptOf(task.taskId, 2), completion(task.taskId, 2));
  await start();
  expect(await files.list(`results/${task.taskId}`)).toEqual(['2']);
  expect(await files.size(`results/${task.taskId}/2/drums.wav`)).toBe(1);
});

test('of failed and cancelled tasks no result stays', async () => {
  const failed = await accept();
  const cancelled = await accept();
  await claim(disk.queue);
  await disk.queue.finish(attemptOf(failed.taskId, 1), failure());
  await disk.queue.cancel(cancelled.taskId, null);
  for (const { taskId } of [failed, cancelled]) await put(`results/${taskId}/1/drums.wav`);
  await start();
  expect(await files.list('results')).toEqual([]);
});

test('a deletion that was begun is carried out', async () => {
  const task = await accept();
  await put(`results/${task.taskId}/1/drums.wav`);
  await disk.queue.markDeleted(task.taskId, null);
  await start();
  expect(await disk.queue.markedDeleted()).toEqual([]);
  expect(await disk.queue.statusOf(task.taskId)).toBeUndefined();
  expect(await files.list('inputs')).toEqual([]);
  expect(await files.list('results')).toEqual([]);
});

test('what cannot be removed does not keep the server from starting, nor the rest from going', async () => {
  const stuck = await accept();
  const other = await accept();
  for (const { taskId } of [stuck, other]) await disk.queue.markDeleted(taskId, null);
  await put('results/of-no-task/1/x.wav');
  disk.reopen();
  const remove = async (key: string) => {
    if (key === `results/${stuck.taskId}` || key === 'results/of-no-task') throw new Error('EIO');
    await files.remove(key);
  };
  await recover({ queue: disk.queue, blobs: { ...files, remove }, workspace: files.workspace, log });
  expect((await disk.queue.markedDeleted()).map(({ taskId }) => taskId)).toEqual([stuck.taskId]);
  expect(await files.list('inputs')).toEqual([stuck.mixture.inputId]);
  expect(lines).toContainEqual(expect.objectContaining({ level: 40, taskId: stuck.taskId }));
  expect(lines).toContainEqual(expect.objectContaining({ level: 40, key: 'results/of-no-task' }));
});

test('files that no row names are removed; those of tasks stay', async () => {
  const task = await accept();
  await put('inputs/half-an-upload/upload');
  await put('results/of-no-task/1/x.wav');
  await start();
  expect(await files.list('inputs')).toEqual([task.mixture.inputId]);
  expect(await files.list('results')).toEqual([]);
});

test('twice is as good as once, and on nothing at all it does nothing', async () => {
  await start();
  const task = await accept();
  await start();
  await start();
  expect(await disk.queue.find(task.taskId, null)).toEqual(task);
  expect(await files.list('tmp')).toEqual([]);
});

test('the log says of each interrupted task that it is queued again, and what there was in all', async () => {
  const [interrupted, deleted] = [await accept(), await accept()];
  await claim(disk.queue);
  await disk.queue.markDeleted(deleted.taskId, null);
  await put('inputs/half-an-upload/upload');
  await put('results/of-no-task/1/x.wav');
  await start();
  expect(lines).toContainEqual(
    expect.objectContaining({
      msg: 'task status',
      status: 'requeued',
      taskId: interrupted.taskId,
      attempt: 1,
      outcome: 'server_died',
    }),
  );
  expect(lines).not.toContainEqual(expect.objectContaining({ level: 40 }));
  expect(lines.at(-1)).toMatchObject({ level: 30, lost: 1, failed: 0, deleted: 1, swept: 2 });
});

test('what could not be removed is not counted as removed, a task that failed is', async () => {
  const task = await accept();
  const deleted = await accept();
  for (let death = 1; death <= 3; death += 1) {
    await claim(disk.queue);
    if (death < 3) await start();
  }
  await disk.queue.markDeleted(deleted.taskId, null);
  await put('results/of-no-task/1/x.wav');
  disk.reopen();
  lines = [];
  const remove = () => Promise.reject(new Error('EIO'));
  await recover({ queue: disk.queue, blobs: { ...files, remove }, workspace: files.workspace, log });
  expect(await disk.queue.find(task.taskId, null)).toMatchObject({
    failure: { message: expect.stringMatching(/three times in a row.*Submit it again/) },
  });
  expect(lines.at(-1)).toMatchObject({ lost: 1, failed: 1, deleted: 0, swept: 0 });
});

test('scratch folders that cannot be removed are told to the log', async () => {
  const clear = () => Promise.reject(new Error('EROFS'));
  await recover({ queue: disk.queue, blobs: files, workspace: { scratch: { clear } }, log });
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 40,
      what: 'scratch folders',
      err: expect.objectContaining({ message: 'EROFS' }) as unknown,
    }),
  );
});
