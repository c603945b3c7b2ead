import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy';
import { AppError } from '../errors.ts';
import type { StoredUpload } from '../tasks/mixtureUpload.ts';

/** A multipart form, read to its end: its file lies on disk already. */
export interface UploadForm {
  fields: ReadonlyMap<string, readonly string[]>;
  file: { upload: StoredUpload; filename: string } | null;
  /** File parts after the first; they were not kept. */
  extraFiles: number;
}

const FILE_FIELDS = ['file', 'audio'];
const LIMITS = {
  fields: 100,
  parts: 110,
  fieldSize: 64 * 1024,
  headerPairs: 50,
  headerSize: 16 * 1024,
};

/**
 * Reads a multipart body as a stream. The first file part goes to `receive`; the first error ends it all, and
 * a file that was received by then is handed to `discard`.
 *
 * @throws {AppError} INVALID_MULTIPART, or what `receive` throws
 */
export async function readUploadForm(
  incoming: IncomingMessage,
  store: {
    receive(source: Readable): Promise<StoredUpload>;
    discard(upload: StoredUpload): Promise<void>;
  },
): Promise<UploadForm> {
  const fields = new Map<string, string[]>();
  let received: Promise<{ upload: StoredUpload; filename: string }> | undefined;
  let openFile: Readable | undefined;
  let extraFiles = 0;
  let hasFailed = false;
  const form = createParser(incoming);

  const parsed = new Promise<void>((resolve, reject) => {
    const fail = (error: Error) => {
      hasFailed = true;
      incoming.unpipe(form);
      openFile?.destroy(error);
      reject(error);
    };
    const failWith = (message: string) => () => {
      fail(new AppError('INVALID_MULTIPART', message));
    };
    const failUnnamed = failWith('A part of the form has no name.');
    form.on('file', (name: string | undefined, stream, filename: string | undefined) => {
      // A part that ends early tells so here too; unheard, it would end the process.
      stream.on('error', () => undefined);
      // What was read already is parsed on after a failure; a file begun then would never end.
      if (hasFailed || name === undefined) {
        stream.resume();
        failUnnamed();
        return;
      }
      if (received || !FILE_FIELDS.includes(name)) {
        extraFiles += 1;
        if (!FILE_FIELDS.includes(name)) note(fields, name, '');
        stream.resume();
        return;
      }
      openFile = stream;
      received = store.receive(stream).then((upload) => ({ upload, filename: filename ?? '' }));
      received.catch(fail);
    });
    form.on('field', (name: string | undefined, value, nameTruncated, valueTruncated) => {
      if (name === undefined) {
        failUnnamed();
        return;
      }
      if (nameTruncated || valueTruncated) {
        failWith(`A form field is too long: at most ${String(LIMITS.fieldSize)} bytes are allowed.`)();
        return;
      }
      note(fields, name, value);
    });
    form.on(
      'fieldsLimit',
      failWith(`The form has too many fields: at most ${String(LIMITS.fields)} are allowed.`),
    );
    form.on(
      'partsLimit',
      failWith(`The form has too many parts: at most ${String(LIMITS.parts)} are allowed.`),
    );
    form.on('error', (error) => {
      fail(
        new AppError('INVALID_MULTIPART', 'The multipart body is broken or ends early.', { cause: error }),
      );
    });
    form.on('finish', () => {
      // After an error this comes too; the promise is settled then.
      resolve();
    });
    incoming.on('close', () => {
      if (!incoming.complete) failWith('The upload was aborted.')();
    });
    incoming.pipe(form);
  });

  try {
    await parsed;
    return { fields, file: (await received) ?? null, extraFiles };
  } catch (error) {
    await received?.then(({ upload }) => store.discard(upload)).catch(() => undefined);
    throw error;
  }
}

function createParser(incoming: IncomingMessage): BusboyInstance {
  try {
    // The parser would take a URL-encoded form too, which can hold no file.
    if (!/^multipart\/form-data\b/i.test(incoming.headers['content-type'] ?? ''))
      throw new TypeError('no form-data');
    return new Busboy({
      headers: incoming.headers as BusboyHeaders,
      limits: LIMITS,
      fileHwm: 1024 * 1024,
      isPartAFile: (name, _contentType, filename) =>
        filename !== undefined || FILE_FIELDS.includes(name ?? ''),
    });
  } catch (error) {
    throw new AppError(
      'INVALID_MULTIPART',
      'The body must be multipart/form-data with a boundary, holding the audio as the part `file`.',
      { cause: error },
    );
  }
}

function note(fields: Map<string, string[]>, name: string, value: string): void {
  const values = fields.get(name);
  if (values) values.push(value);
  else fields.set(name, [value]);
}
