import type { HttpBindings } from '@hono/node-server';
import type { Log } from '../log.ts';

/** What every handler finds in its context. */
export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** Carries the request id. */
    log: Log;
    /** Whose tasks this request may see; null: authentication is off. */
    owner: string | null;
  };
}
