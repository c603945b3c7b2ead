import { execFile } from 'node:child_process';
import path from 'node:path';

const projectRoot = path.resolve(import.meta.dirname, '../..');

/** The interpreters that the set-up prepared; `npm test` names them. */
export const mediaPython =
  process.env['MSST_SERVE_INTERNAL_MEDIA_PYTHON'] ?? path.join(projectRoot, '.venv/bin/python');
export const enginePython = process.env['MSST_SERVE_INTERNAL_ENGINE_PYTHON'] ?? 'python3';
/** The one that has the tools of the tests. */
export const testPython =
  process.env['MSST_SERVE_TEST_PYTHON'] ?? path.join(projectRoot, '.venv-test/bin/python');

/** Writes an audio file of one of the kinds of `make_audio.py`. @returns its path */
export async function makeAudio(
  kind: string,
  file: string,
  options: Partial<Record<'seconds' | 'rate' | 'channels', number>> = {},
): Promise<string> {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const script = path.join(import.meta.dirname, 'make_audio.py');
  await new Promise<void>((resolve, reject) => {
    execFile(mediaPython, [script, kind, file, ...flags], (error) => {
      if (error) reject(new Error(error.message));
      else resolve();
    });
  });
  return file;
}
