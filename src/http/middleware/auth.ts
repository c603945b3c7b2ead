import { hash, timingSafeEqual } from 'node:crypto';
import { ownerOf, type ApiKey } from '../../config/apiKeys.ts';
import { AppError } from '../../errors.ts';

/** The owner of a request's key, or the error to refuse the request with. */
export type Identity = { owner: string } | { refusal: AppError };

/**
 * Creates a function that authenticates `Authorization` headers.
 *
 * @param keys the valid keys
 * @returns a function from the header to its key's owner, or UNAUTHORIZED. Its timing reveals neither how close a
 *   wrong key is to a valid one nor which valid key was given.
 */
export function createAuthenticator(keys: readonly ApiKey[]): (header: string | undefined) => Identity {
  const known = keys.map((key) => ({ owner: ownerOf(key), digest: Buffer.from(key.sha256, 'hex') }));
  return (header) => {
    const given = /^bearer +(\S.*)$/i.exec(header ?? '')?.[1]?.trim();
    if (given === undefined || given === '') {
      return refuse('This server requires an API key: send the header Authorization: Bearer KEY.', 'Bearer');
    }
    const digest = hash('sha256', given, 'buffer');
    let owner: string | undefined;
    for (const key of known) if (timingSafeEqual(key.digest, digest)) owner = key.owner;
    return owner === undefined
      ? refuse('This API key is unknown.', 'Bearer error="invalid_token"')
      : { owner };
  };
}

const refuse = (message: string, challenge: string): Identity => ({
  refusal: new AppError('UNAUTHORIZED', message, { hints: { challenge } }),
});
