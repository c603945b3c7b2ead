import type { EventEmitter } from 'node:events';
import type { BusboyInstance } from '@fastify/busboy';

/** The headers of one part by lower-case name. The parser reads them after us and sees our changes. */
type PartHeaders = Record<string, string[] | undefined>;

const AS_IT_IS = new Set(['', '7bit', '8bit', 'binary', 'identity']);
/** An extended value of RFC 5987: in one of its two charsets and percent-encoded. */
const EXTENDED = /^(?:utf-8|iso-8859-1)'[^']*'(?:%[0-9a-f]{2}|[^%'"\\;\s])+$/i;
const PARAMETER = /;\s*([^=;\s"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"]*)/g;

/**
 * Inspects the headers of each part before the parser does. Refuses an encoded part; if a file has two names, the
 * extended one (`filename*`) takes precedence (RFC 6266). The parser itself misses an extended name after quoted
 * parameters, which is how .NET sends it.
 *
 * @param refuse called with a message for the client
 */
export function readPartHeaders(form: BusboyInstance, refuse: (message: string) => void): void {
  partsOf(form).prependListener('part', (part: EventEmitter) => {
    part.prependListener('header', (headers: PartHeaders) => {
      for (const name of ['Content-Transfer-Encoding', 'Content-Encoding']) {
        const encoding = headers[name.toLowerCase()]?.[0]?.trim() ?? '';
        if (AS_IT_IS.has(encoding.toLowerCase())) continue;
        refuse(
          `A part of the form is encoded (${name}: ${encoding.slice(0, 40)}): send its bytes as they are.`,
        );
      }
      const disposition = headers['content-disposition'];
      if (disposition?.[0] && /filename\*/i.test(disposition[0]))
        disposition[0] = withExtendedFilename(disposition[0]);
    });
  });
}

/** The parser inside Busboy, the only one that sees the headers. */
const partsOf = (form: BusboyInstance) =>
  (form as unknown as { _parser: { parser: EventEmitter } })._parser.parser;

/** Reduces the header to one file name: the extended one if it is valid, else the plain one. */
function withExtendedFilename(disposition: string): string {
  const parameters = [...disposition.matchAll(PARAMETER)].map(
    ([, name = '', value = '']) => [name.toLowerCase(), value.trim()] as const,
  );
  const hasExtended = parameters.some(([name, value]) => name === 'filename*' && EXTENDED.test(value));
  const superseded = hasExtended ? 'filename' : 'filename*';
  const kept = parameters.filter(([name]) => name !== superseded);
  return ['form-data', ...kept.map(([name, value]) => `${name}=${value}`)].join(';');
}
