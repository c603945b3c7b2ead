import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

export type Log = Logger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * The root logger: one JSON object a line on stdout, or readable lines when stdout is a terminal.
 * Messages are constant; the facts stand in the fields.
 */
export function createLog(level: LogLevel): Log {
  const options = { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` };
  if (!process.stdout.isTTY) return pino(options);
  return pino(options, pretty({ colorize: true, translateTime: 'HH:MM:ss', sync: true }));
}
