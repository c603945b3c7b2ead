import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../log/log.ts';

/** What every part of the server is built with. */
export interface Parts {
  config: Config;
  log: Log;
  clock: Clock;
}
