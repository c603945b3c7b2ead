import { multistream, pino, type Logger } from 'pino';
import pretty from 'pino-pretty';
import { LineBatch } from './lineBatch.ts';
import type { RotatingFile } from './rotatingFile.ts';

export type Log = Logger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Redacted wherever headers may be logged. Explicit paths: a wildcard costs more than the rest of the line. */
const SECRETS = ['authorization', 'Authorization', 'cookie', 'Cookie'];
const NO_SECRETS = SECRETS.flatMap((name) => [name, `headers.${name}`, `req.headers.${name}`]);

/**
 * Creates the root logger: one JSON object per line in the log file and on stdout, or readable lines when stdout
 * is a terminal. Messages are constant; variable data goes into fields.
 *
 * @param to.file log file, in addition to stdout
 * @param to.stdout false: log to the file only
 */
export function createLog(level: LogLevel, to: { file?: RotatingFile; stdout?: boolean } = {}): Log {
  const options = {
    level,
    base: null,
    redact: NO_SECRETS,
    timestamp: createTimestamp(),
  };
  const streams = [
    ...(to.stdout === false ? [] : [{ level: 'trace' as const, stream: standardOutput() }]),
    ...(to.file ? [{ level: 'trace' as const, stream: new LineBatch(to.file) }] : []),
  ];
  return pino(options, multistream(streams));
}

/** Creates a logger on stderr for fatal errors before the root logger exists. Uses the same format. */
export function createErrorLog(): Log {
  const stream = process.stderr.isTTY
    ? pretty({ colorize: true, translateTime: 'HH:MM:ss', singleLine: true, sync: true, destination: 2 })
    : pino.destination({ dest: 2, sync: true });
  return pino({ base: null, timestamp: createTimestamp() }, stream);
}

const standardOutput = () =>
  process.stdout.isTTY
    ? pretty({ colorize: true, translateTime: 'HH:MM:ss', singleLine: true, sync: true })
    : new LineBatch(pino.destination({ dest: 1, sync: true }));

/** Creates the timestamp function; lines of the same millisecond share the formatted text. */
function createTimestamp(): () => string {
  let at = 0;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== at) text = `,"time":"${new Date(now).toISOString()}"`;
    at = now;
    return text;
  };
}
