import type { HttpBindings } from '@hono/node-server';
import type { ErrorCode } from '../../errors.ts';
import type { Log } from '../../log/log.ts';

/** The bindings and variables in every handler's context. */
export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** The error code the request was refused with, for its access log line. */
    code?: ErrorCode;
    /** The rest of the request's body will not come: an error answered now closes the connection. */
    mustClose?: boolean;
    /** The root log, from which `requestLog` derives the request's own. */
    rootLog: Log;
    /** The owner whose tasks this request may see; null: authentication is off. */
    owner: string | null;
    /** The address the request counts against. Absent on open routes, which do not count. */
    address?: () => string;
  };
}
