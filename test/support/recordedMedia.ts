import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { vi } from 'vitest';
import { mediaPython } from './python.ts';

/** One request, as a media child was sent it. */
export interface SentRequest {
  method: string;
  params: Record<string, unknown>;
}

/** What media children are sent. */
export interface RecordedMedia {
  /** So far, child by child. */
  sent(): Promise<SentRequest[]>;
  /** Whatever is to be staged from now on waits, until the returned function is called. */
  holdStaging(): Promise<() => Promise<void>>;
  /** Ends the recording, for servers that start later. */
  remove(): Promise<void>;
}

/** Has every media child of the servers that start from now on note what it is sent. */
export async function recordMediaChildren(): Promise<RecordedMedia> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'msst-serve-recorded-'));
  vi.stubEnv('RECORDED_PYTHON', mediaPython);
  vi.stubEnv('RECORD_TO', path.join(folder, 'sent'));
  vi.stubEnv('MSST_SERVE_INTERNAL_MEDIA_PYTHON', path.join(import.meta.dirname, 'recordingChild.mjs'));
  return {
    async sent() {
      const notes = (await readdir(folder)).map((name) => readFile(path.join(folder, name), 'utf8'));
      return (await Promise.all(notes)).flatMap(requestsIn);
    },
    async holdStaging() {
      const held = path.join(folder, 'sent.hold');
      await writeFile(held, '');
      return () => rm(held, { force: true });
    },
    async remove() {
      vi.unstubAllEnvs();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A body is one line of JSON, and only the headers of a frame have line ends. */
function requestsIn(text: string): SentRequest[] {
  const bodies = text.split(/Content-Length: \d+\r\n(?:[^\r\n]+\r\n)*\r\n/).filter(Boolean);
  return bodies.flatMap((body) => {
    try {
      return [JSON.parse(body) as SentRequest];
    } catch {
      // The last one may still be on its way.
      return [];
    }
  });
}
