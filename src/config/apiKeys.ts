/** The keys that clients may use, as the configuration writes them and as the server keeps them: hashed. */
import { createHash } from 'node:crypto';
import { z } from 'zod';

/** A key that clients may use. Only its hash is kept, so that no dump or log can show it. */
export interface ApiKey {
  name: string | null;
  /** 64 hexadecimal digits in lower case. */
  sha256: string;
}

/** Whose tasks a key's tasks are: its name, or the beginning of its hash. */
export const ownerOf = (key: ApiKey) => key.name ?? `key-${key.sha256.slice(0, 12)}`;

const hashed = (key: string) => createHash('sha256').update(key).digest('hex');

const name = z.string().regex(/^[^\p{C}]{1,100}$/u);
// Visible ASCII: everything else would not arrive in a header as it was written.
const plainKey = z
  .string()
  .regex(/^[\x21-\x7e]{16,1000}$/)
  .transform(hashed);
const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/i)
  .transform((hash) => hash.toLowerCase());

const entrySchema: z.ZodType<ApiKey> = z.union([
  plainKey.transform((hash) => ({ name: null, sha256: hash })),
  z.strictObject({ name, key: plainKey }).transform((given) => ({ name: given.name, sha256: given.key })),
  z.strictObject({ name, sha256 }),
]);

const ENTRY =
  'a key of 16 to 1000 visible ASCII characters, quoted; or {name, key}; or {name, sha256} with 64 hexadecimal digits';

/** The list of keys. Its problems name an entry by its place, and never show what stands there. */
export const apiKeysSchema = z.unknown().transform((given, context): ApiKey[] => {
  if (!Array.isArray(given)) {
    context.addIssue({ code: 'custom', message: 'a list of keys' });
    return z.NEVER;
  }
  const keys: ApiKey[] = [];
  for (const [place, entry] of (given as unknown[]).entries()) {
    const parsed = entrySchema.safeParse(entry);
    const refuse = (message: string) => {
      context.addIssue({ code: 'custom', message, path: [place] });
    };
    if (!parsed.success) refuse(ENTRY);
    else if (keys.some((other) => isSame(other, parsed.data)))
      refuse('a key and a name that no entry before it has');
    else keys.push(parsed.data);
  }
  return keys;
});

const isSame = (one: ApiKey, other: ApiKey) => one.sha256 === other.sha256 || ownerOf(one) === ownerOf(other);
