import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

/**
 * Opaque pagination cursors. Encrypted, because the sequence numbers in them would reveal how many tasks all
 * owners have.
 */
export interface PageCursors {
  /** @param seq the sequence number of the page's last task */
  write(seq: number, owner: string | null): string;
  /** @returns the sequence number; undefined if the text is not a cursor of this owner */
  read(text: string, owner: string | null): number | undefined;
}

/** The format of a cursor: one cipher block in base64url. */
export const CURSOR = /^[A-Za-z0-9_-]{22}$/;

const CIPHER = 'aes-256-ecb';
const HALF_BYTES = 8;

/**
 * Creates the cursors. A block holds the sequence number and a hash of the owner: equal positions give equal
 * cursors, and nothing else is revealed.
 *
 * @param key 32 bytes; cursors are valid as long as it stays the same
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
      // The last character has unused bits: accept only the canonical spelling.
      return isOurs && write(seq, owner) === text ? seq : undefined;
    },
  };
}

/** A hash of the owner, half a block long. Null (authentication is off) has a hash of its own. */
const markOf = (owner: string | null) =>
  createHash('sha256').update(JSON.stringify(owner)).digest().subarray(0, HALF_BYTES);
