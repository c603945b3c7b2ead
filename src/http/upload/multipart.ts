import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy';
import { AppError } from '../../errors.ts';
import type { Upload } from '../../service/upload.ts';
import { readPartHeaders } from './partHeaders.ts';

/** A fully read multipart form; its file is already on disk. */
export interface UploadForm {
  fields: ReadonlyMap<string, readonly string[]>;
  file: { upload: Upload; filename: string } | null;
  /** The number of further file parts, which were discarded. */
  extraFiles: number;
}

const FILE_FIELDS = ['file', 'audio'];
const LIMITS = {
  fields: 300,
  parts: 310,
  fieldSize: 64 * 1024,
  headerPairs: 50,
  headerSize: 16 * 1024,
};
/** Limit on the names and values of all fields together, which also bounds the work of parsing them later. */
const MOST_FIELD_BYTES = 64 * 1024;
/**
 * Limit on everything but the file: boundaries, headers, fields, further files, bytes before and after the form.
 */
const MOST_BYTES_AROUND_FILE = 8_000_000;

/**
 * Reads a multipart body as a stream. The first file part goes to `receive`. The first error aborts the reading,
 * and a file received by then is discarded.
 *
 * @throws {AppError} INVALID_MULTIPART, or what `receive` throws
 */
export async function readUploadForm(
  incoming: IncomingMessage,
  receive: (source: Readable) => Promise<Upload>,
): Promise<UploadForm> {
  const fields = new Map<string, string[]>();
  let received: Promise<{ upload: Upload; filename: string }> | undefined;
  let openFile: (Readable & { readonly bytesRead: number }) | undefined;
  let extraFiles = 0;
  let fieldBytes = 0;
  let bodyBytes = 0;
  let hasFailed = false;
  const form = createParser(incoming);

  const parsed = new Promise<void>((resolve, reject) => {
    const fail = (error: Error) => {
      hasFailed = true;
      incoming.off('data', count);
      incoming.unpipe(form);
      openFile?.destroy(error);
      reject(error);
    };
    const failWith = (message: string) => () => {
      fail(new AppError('INVALID_MULTIPART', message));
    };
    const failUnnamed = failWith('A part of the form has no name.');
    const count = (chunk: Buffer) => {
      bodyBytes += chunk.byteLength;
      if (bodyBytes - (openFile?.bytesRead ?? 0) > MOST_BYTES_AROUND_FILE) failTooMuch();
    };
    const failTooMuch = failWith(
      `The form is too large: apart from the file, at most ${String(MOST_BYTES_AROUND_FILE)} bytes are allowed.`,
    );
    readPartHeaders(form, (message) => {
      failWith(message)();
    });
    form.on('file', (name: string | undefined, stream, filename: string | undefined) => {
      // A part that ends early emits an error here too; without a listener it would crash the process.
      stream.on('error', () => undefined);
      // After a failure the parser continues with what it has read already; a file begun then would never end.
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
      received = receive(stream).then((upload) => ({ upload, filename: filename ?? '' }));
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
      fieldBytes += Buffer.byteLength(name) + Buffer.byteLength(value);
      if (fieldBytes > MOST_FIELD_BYTES) {
        failWith(
          `The fields of the form are too long: at most ${String(MOST_FIELD_BYTES)} bytes are allowed for all of them.`,
        )();
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
      // Also emitted after an error, when the promise is already settled.
      resolve();
    });
    incoming.on('close', () => {
      if (!incoming.complete) failWith('The upload was aborted.')();
    });
    incoming.on('data', count);
    incoming.pipe(form);
  });

  try {
    await parsed;
    return { fields, file: (await received) ?? null, extraFiles };
  } catch (error) {
    await received?.then(({ upload }) => upload.discard()).catch(() => undefined);
    throw error;
  }
}

function createParser(incoming: IncomingMessage): BusboyInstance {
  try {
    // The parser would also accept a URL-encoded form, which cannot contain a file.
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
      'The body must be multipart/form-data with a boundary and the audio as the part `file`.',
      { cause: error },
    );
  }
}

function note(fields: Map<string, string[]>, name: string, value: string): void {
  const values = fields.get(name);
  if (values) values.push(value);
  else fields.set(name, [value]);
}
