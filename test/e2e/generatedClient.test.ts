/** A stranger's program, generated from the OpenAPI document alone, does what the README does by curl. */
import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeAudio, testPython } from '../support/python.ts';
import { startServerProcess, type ServerProcess } from '../support/serverProcess.ts';

const SESSION_MS = 240_000;
const KEY = 'a-key-of-the-generated-client';

let folder: string;
let server: ServerProcess;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-client-'));
  server = await startServerProcess({ settings: { enable_auth: true, api_keys: [KEY] } });
});
afterAll(async () => {
  await server.end('SIGTERM');
  await rm(server.dataDir, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});

test(
  "a client generated from /openapi.json without a warning runs the README's session",
  async () => {
    await generateClient();
    const song = await makeAudio('mp3', path.join(folder, 'song.mp3'), { seconds: 6 });
    const script = path.join(import.meta.dirname, 'generated_client.py');
    const { stdout } = await execa(testPython, ['-B', script, folder, server.url, song, KEY]);
    const stem = (instrument: string) => ({
      instrument,
      filename: `${instrument}.wav`,
      type: 'audio/wav',
      whole: true,
    });
    expect(JSON.parse(stdout)).toEqual({
      accepted: 'pending',
      completed: { status: 'completed', percent: 100 },
      stems: [stem('drums'), stem('bass'), stem('other')],
      chosen: {
        instruments: ['drums', 'bass'],
        use_tta: true,
        extract_instrumental: true,
        output_format: 'flac',
        pcm_type: 'PCM_24',
        bigshifts: 1,
        num_overlap: null,
        batch_size: null,
      },
      cancelled: 'cancelled',
      cancelled_again: 'TASK_ALREADY_ENDED',
      deleted: 204,
      gone: 'TASK_NOT_FOUND',
      refused: 'INVALID_PARAMETERS',
      valid_model_types: ['starter'],
      models: ['starter'],
      model: ['drums', 'bass', 'other'],
      tasks: [true],
      metrics: { completed: 1, cancelled: 1 },
      health: 'healthy',
      keyless: 'UNAUTHORIZED',
    });
  },
  SESSION_MS,
);

/** Writes the package `client`; what the generator does not understand of the document is an error. */
async function generateClient(): Promise<void> {
  const document = path.join(folder, 'openapi.json');
  await writeFile(document, await (await fetch(`${server.url}/openapi.json`)).text());
  const config = path.join(import.meta.dirname, 'client-generator.json');
  await execa(testPython, [
    ...['-m', 'openapi_python_client', 'generate', '--fail-on-warning', '--meta', 'none'],
    ...['--path', document, '--config', config, '--output-path', path.join(folder, 'client')],
  ]);
}
