import type { HttpBindings } from '@hono/node-server';
import type { ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';

/** What every handler finds in its context. */
export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** Why the request was refused; the line about it says so. */
    code?: ErrorCode;
    /** `requestLog` makes the request's own of it. */
    rootLog: Log;
    /** Whose tasks this request may see; null: authentication is off. */
    owner: string | null;
    /** The address that it counts for. Absent on routes that are open to all. */
    address?: () => string;
  };
}
