import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startServer } from '../../src/compose/startServer.ts';
import { loadConfig } from '../../src/config/config.ts';
import type { ClientTimeouts } from '../../src/http/server.ts';
import { createLog } from '../../src/log/log.ts';
import { RotatingFile } from '../../src/log/rotatingFile.ts';
import { TIMEOUTS, type Timeouts } from '../../src/workers/health/timeouts.ts';
import { enginePython } from './python.ts';

/** Tests kill more workers in five minutes than a life does: one that is left alone for it comes back soon. */
const TRY_AGAIN_MS = 1_000;

const projectRoot = path.resolve(import.meta.dirname, '../..');

/** A real server in this process, on a free port, with a data directory, real media children and the stand-in worker. */
export interface TestServer {
  url: string;
  dataDir: string;
  /** Names of what lies in a folder of the data directory. */
  stored(folder: string): Promise<string[]>;
  /** Says what the stand-in does at its next calls, one word each. */
  plan(...steps: string[]): Promise<void>;
  /** Stops the server and keeps its data, for another to start on. */
  stop(graceMs?: number): Promise<void>;
  /** Stops the server and removes its data. */
  dispose(): Promise<void>;
}

/**
 * Starts one.
 *
 * @param settings configuration keys, as in the file; with a `log_file` it writes one
 * @param dataDir an existing data directory to go on with
 * @param plan what the stand-in does at its first calls, also before anybody could call `plan`
 * @param timeouts waits that are to be shorter than usual; heartbeats are then as much more frequent
 * @param clientTimeouts how long clients may let it wait
 */
export async function startTestServer(
  settings: Record<string, unknown> = {},
  dataDir?: string,
  plan: readonly string[] = [],
  timeouts?: Partial<Timeouts>,
  clientTimeouts?: ClientTimeouts,
): Promise<TestServer> {
  const home = dataDir ?? (await mkdtemp(path.join(os.tmpdir(), 'msst-serve-test-')));
  const planFile = path.join(home, 'plan');
  await writeFile(planFile, plan.join('\n'));
  const configFile = path.join(home, 'config.json');
  await writeFile(
    configFile,
    JSON.stringify({
      port: 0,
      data_dir: '.',
      min_free_disk: '1MB',
      reserve_disk: '1MB',
      devices: ['cpu'],
      ...settings,
    }),
  );
  const env = {
    ...process.env,
    MSST_SERVE_INTERNAL_ENGINE_PYTHON: path.join(import.meta.dirname, 'standIn', 'worker.mjs'),
    STAND_IN_PLAN: planFile,
    STAND_IN_PYTHON: enginePython,
    ...(timeouts ? { STAND_IN_BEAT_MS: '50' } : {}),
  };
  const { config } = loadConfig({ argv: ['--config', configFile], env, cwd: home, projectRoot });
  const log =
    'log_file' in settings
      ? createLog(config.logLevel, { file: new RotatingFile(config.logFile), stdout: false })
      : createLog(process.env['TEST_LOG'] ? 'debug' : 'silent');
  const server = await startServer(
    config,
    log,
    { ...TIMEOUTS, quarantineMs: TRY_AGAIN_MS, ...timeouts },
    clientTimeouts,
  );
  return {
    url: server.url,
    dataDir: home,
    async stored(folder) {
      return readdir(path.join(home, folder)).catch(() => []);
    },
    plan: (...steps) => writeFile(planFile, steps.join('\n')),
    stop: (graceMs = 0) => server.stop(graceMs),
    async dispose() {
      await server.stop(0);
      await rm(home, { recursive: true, force: true });
    },
  };
}
