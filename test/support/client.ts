import { type z } from 'zod';
import { taskSchema, resultsSchema, problemSchema } from '../../src/http/openapi/schemas.ts';

export type WireTask = z.output<typeof taskSchema>;

/** A multipart form of fields and one file. */
export function form(
  fields: Record<string, string | string[]>,
  file?: { bytes: Uint8Array; name?: string },
): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const each of [value].flat()) data.append(name, each);
  }
  if (file) data.append('file', new Blob([new Uint8Array(file.bytes)]), file.name ?? 'song.wav');
  return data;
}

/** Calls the API and gives status, headers and the parsed body. */
export async function call(url: string, init?: RequestInit) {
  const response = await fetch(url, init);
  const text = await response.text();
  const body: unknown = text === '' ? null : JSON.parse(text);
  return { status: response.status, headers: response.headers, body };
}

/** Submits and expects a task. */
export async function submit(baseUrl: string, data: FormData): Promise<WireTask> {
  const answer = await call(`${baseUrl}/api/v1/separate`, { method: 'POST', body: data });
  if (answer.status !== 201) throw new Error(`not accepted: ${JSON.stringify(answer.body)}`);
  return taskSchema.parse(answer.body);
}

/** Reads a task. */
export async function getTask(baseUrl: string, taskId: string): Promise<WireTask> {
  return taskSchema.parse((await call(`${baseUrl}/api/v1/tasks/${taskId}`)).body);
}

/** Polls a task until it satisfies the condition. @throws after the deadline, with the last state seen */
export async function waitForTask(
  baseUrl: string,
  taskId: string,
  until: (task: WireTask) => boolean,
  deadlineMs = 20_000,
): Promise<WireTask> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const task = await getTask(baseUrl, taskId);
    if (until(task)) return task;
    if (performance.now() > deadline) throw new Error(`waited too long: ${JSON.stringify(task)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Whether a task has ended, one way or another. */
export const ended = (task: WireTask) => ['completed', 'failed', 'cancelled'].includes(task.status);

export const parseResults = (body: unknown) => resultsSchema.parse(body);
export const parseProblem = (body: unknown) => problemSchema.parse(body);

/** The task in a raw HTTP answer. */
export function taskFilename(rawAnswer: string): { taskId: string; filename: string } {
  const body = rawAnswer.slice(rawAnswer.indexOf('\r\n\r\n') + 4);
  const task = taskSchema.parse(JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)));
  return { taskId: task.task_id, filename: task.input.filename };
}
