import { z } from '@hono/zod-openapi';
import { commonHeaders, headers, type DocumentedHeaders } from './headers.ts';
import { links, type LinkName } from './links.ts';

/** The headers and links of a response. */
interface Beside {
  headers?: DocumentedHeaders;
  links?: readonly LinkName[];
}

/** Documents a JSON response, with an example for each case that a client should know. */
export function jsonAnswer<Schema extends z.ZodType>(
  schema: Schema,
  description: string,
  examples: Record<string, z.input<Schema>>,
  beside: Beside = {},
) {
  return {
    ...emptyAnswer(description, beside),
    content: {
      'application/json': {
        schema,
        examples: Object.fromEntries(
          Object.entries(examples).map(([name, value]) => [
            name,
            { summary: name.replaceAll('_', ' '), value },
          ]),
        ),
      },
    },
  };
}

/** Documents a response without a body. */
export function emptyAnswer(description: string, beside: Beside = {}) {
  return {
    description,
    headers: { ...commonHeaders, ...beside.headers },
    ...(beside.links ? { links: links(beside.links) } : {}),
  };
}

/** Documents a text body that is not JSON. */
export const textContent = (description: string, example: string) => ({
  schema: z.string().openapi({ description }),
  examples: { text: { summary: description, value: example } },
});

const bytes = {
  schema: z.string().openapi({ format: 'binary', description: 'The bytes of the file.' }),
};
const audioContent = {
  'audio/wav': { ...bytes, examples: { wav: { summary: 'A WAV file', value: 'RIFF…WAVEfmt …data…' } } },
  'audio/flac': { ...bytes, examples: { flac: { summary: 'A FLAC file', value: 'fLaC…' } } },
};

const ofFile = { ...headers.etag, ...headers.acceptRanges, ...headers.cacheControl };
const ofBody = { ...headers.contentDisposition, ...headers.contentLength };

/** The documented responses to a GET for a stem; `stemHeadAnswers` are those to a HEAD. */
export const stemAnswers = {
  200: { ...emptyAnswer('The whole file.', { headers: { ...ofFile, ...ofBody } }), content: audioContent },
  206: {
    ...emptyAnswer('The requested range of the file.', {
      headers: { ...ofFile, ...ofBody, ...headers.contentRange },
    }),
    content: audioContent,
  },
  304: emptyAnswer('The client already has the current file.', { headers: ofFile }),
};
export const stemHeadAnswers = {
  200: emptyAnswer('The file exists; the headers are those of a GET.', {
    headers: { ...ofFile, ...ofBody },
  }),
  304: stemAnswers[304],
};
