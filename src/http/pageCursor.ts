import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

/** Where a page of tasks ended, as clients see it: sealed, for the numbers behind it count the tasks of everybody. */
export interface PageCursors {
  /** @param seq the number of the last task of the page */
  write(seq: number, owner: string | null): string;
  /** @returns the number; undefined for what is no cursor of this owner */
  read(text: string, owner: string | null): number | undefined;
}

/** What a cursor looks like: one block of the cipher. */
export const CURSOR = /^[A-Za-z0-9_-]{22}$/;

const CIPHER = 'aes-256-ecb';
const HALF_BYTES = 8;

/**
 * Builds them. A block holds the number and whose it is: equal places give equal cursors, and nothing else shows.
 *
 * @param key 32 bytes; cursors hold for as long as it stays the same
 */
export function createPageCursors(key: Buffer): PageCursors {
  const write = (seq: number, owner: string | null): string => {
    const block = Buffer.alloc(HALF_BYTES);
    block.writeBigUInt64BE(BigInt(seq));
    const cipher = createCipheriv(CIPHER, key, null).setAutoPadding(false);
    return Buffer.concat([cipher.update(block), cipher.update(markOf(owner)), cipher.final()]).toString(
      'base64url',
    );
  };
  return {
    write,
    read(text, owner) {
      if (!CURSOR.test(text)) return undefined;
      const decipher = createDecipheriv(CIPHER, key, null).setAutoPadding(false);
      const block = Buffer.concat([decipher.update(text, 'base64url'), decipher.final()]);
      const seq = Number(block.readBigUInt64BE());
      const isOurs = block.subarray(HALF_BYTES).equals(markOf(owner)) && Number.isSafeInteger(seq);
      // The last letter has bits to spare: only the one spelling counts.
      return isOurs && write(seq, owner) === text ? seq : undefined;
    },
  };
}

/** Nobody's, where authentication is off, has a mark of its own. */
const markOf = (owner: string | null) =>
  createHash('sha256').update(JSON.stringify(owner)).digest().subarray(0, HALF_BYTES);
