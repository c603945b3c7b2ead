/** Entry point: reads the configuration, starts the server, and stops it on a signal. */
import path from 'node:path';
import { startServer, type RunningServer } from './compose/startServer.ts';
import { ConfigError, loadConfig, type LoadedConfig } from './config/config.ts';
import { describeListenProblem } from './http/connections/listenProblem.ts';
import { createErrorLog, createLog, type Log } from './log/log.ts';
import { FileNotWritable, RotatingFile } from './log/rotatingFile.ts';
import { DataDirUnusable, makeDataDirPrivate } from './dataDir/dataDir.ts';

/** npm immediately forwards a terminal's Ctrl-C a second time; only a later signal forces a shutdown. */
const SECOND_SIGNAL_AFTER_MS = 1_000;

const projectRoot = path.resolve(import.meta.dirname, '..');
const { config, warnings } = readConfig();
// Before anything else is written: the log file may be in this directory.
const openness = makeDataDir();
const logFile = openLogFile();
const log = createLog(config.logLevel, { file: logFile });
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'the server crashed');
  process.exit(1);
});
for (const warning of [...warnings, ...openness]) log.warn(warning);

const server = await start(log);
log.info({ url: server.url, docs: `${server.url}/docs` }, 'listening');
stopOnSignal(server);

function readConfig(): LoadedConfig {
  try {
    return loadConfig({ argv: process.argv.slice(2), env: process.env, cwd: process.cwd(), projectRoot });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // The log file is not open yet.
    const errors = createErrorLog();
    for (const problem of error.problems) errors.fatal({ problem }, 'the configuration cannot be used');
    process.exit(1);
  }
}

function makeDataDir(): string[] {
  try {
    return [makeDataDirPrivate(config.dataDir) ?? []].flat();
  } catch (error) {
    if (!(error instanceof DataDirUnusable)) throw error;
    // The log file may be in this directory.
    createErrorLog().fatal(error.message);
    process.exit(1);
  }
}

function openLogFile(): RotatingFile {
  try {
    return new RotatingFile(config.logFile);
  } catch (error) {
    if (!(error instanceof FileNotWritable)) throw error;
    process.stderr.write(
      `${error.message} Set another log_file, or make this one writable for the server's user.\n`,
    );
    process.exit(1);
  }
}

async function start(log: Log): Promise<RunningServer> {
  try {
    return await startServer(config, log);
  } catch (error) {
    const problem =
      error instanceof DataDirUnusable
        ? error.message
        : describeListenProblem(error as NodeJS.ErrnoException, config);
    if (problem === null) log.fatal({ err: error }, 'the server could not start');
    else log.fatal(problem);
    process.exit(1);
  }
}

function stopOnSignal(running: RunningServer): void {
  let firstAt: number | undefined;
  let isOver = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      log.info(
        { signal, timeoutSeconds: config.shutdownTimeoutSeconds },
        'shutting down; send a second signal to stop immediately',
      );
      void stopAndExit(running, config.shutdownTimeoutSeconds * 1000);
    } else if (!isOver && performance.now() - firstAt > SECOND_SIGNAL_AFTER_MS) {
      isOver = true;
      log.warn({ signal }, 'shutting down immediately');
      void stopAndExit(running, 0);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, onSignal);
}

async function stopAndExit(running: RunningServer, graceMs: number): Promise<void> {
  try {
    await running.stop(graceMs);
    log.info('stopped');
    process.exit(0);
  } catch (error) {
    log.fatal({ err: error }, 'shutdown failed');
    process.exit(1);
  }
}
