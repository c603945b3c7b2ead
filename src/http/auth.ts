import { hash, timingSafeEqual } from 'node:crypto';
import { ownerOf, type ApiKey } from '../config/apiKeys.ts';
import { AppError } from '../errors.ts';

/** Who sends a request, or why nobody knows. */
export type Identity = { owner: string } | { refusal: AppError };

/**
 * Makes the reader of Authorization headers.
 *
 * @param keys the keys that are known
 * @returns what an `Authorization` header says: the owner of its key, or UNAUTHORIZED. The time it takes tells
 *   nothing about how near a wrong key is to a known one, nor which of them a right one is.
 */
export function createAuthenticator(keys: readonly ApiKey[]): (header: string | undefined) => Identity {
  const known = keys.map((key) => ({ owner: ownerOf(key), digest: Buffer.from(key.sha256, 'hex') }));
  return (header) => {
    const given = /^bearer +(\S.*)$/i.exec(header ?? '')?.[1]?.trim();
    if (given === undefined || given === '') {
      return refuse('This server wants an API key: send the header Authorization: Bearer KEY.', 'Bearer');
    }
    const digest = hash('sha256', given, 'buffer');
    let owner: string | undefined;
    for (const key of known) if (timingSafeEqual(key.digest, digest)) owner = key.owner;
    return owner === undefined
      ? refuse('This API key is not known here.', 'Bearer error="invalid_token"')
      : { owner };
  };
}

const refuse = (message: string, challenge: string): Identity => ({
  refusal: new AppError('UNAUTHORIZED', message, { hints: { challenge } }),
});
