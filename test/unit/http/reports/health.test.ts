import { expect, test } from 'vitest';
import { reportHealth, type HealthSources } from '../../../../src/http/reports/health.ts';
import { starterModel } from '../../../support/starterModel.ts';

const worker = (state: 'starting' | 'idle' | 'busy' | 'down', device = 'cpu', id = 'worker-0') => ({
  id,
  device,
  state,
  restarts: 0,
});
const broken = (given: { listed?: boolean; isDefault?: boolean }) => ({
  name: 'vocals',
  reason: 'its checkpoint is missing',
  listed: false,
  isDefault: false,
  ...given,
});
const models = (unavailable: ReturnType<typeof broken>[], list = [starterModel()]) => ({
  refresh: () => Promise.resolve(),
  list: () => list,
  unavailable: () => unavailable,
});

/** A server that wants nothing, but for what is given. */
const sources = (given: Partial<HealthSources>): HealthSources => ({
  isDatabaseReachable: () => true,
  lacksRoom: () => false,
  freeDiskBytes: () => Promise.resolve(50e9),
  canOpenFiles: () => Promise.resolve(true),
  minFreeDiskBytes: 10e9,
  catalog: models([]),
  canReadAudio: () => true,
  workers: () => [worker('idle')],
  quarantined: () => [],
  quarantinedGpus: () => [],
  isShuttingDown: () => false,
  version: '1.2.3',
  uptimeSeconds: () => 7.4,
  ...given,
});

const MISSING = 'The model "vocals" is unavailable: its checkpoint is missing.';
type Dependency = 'database' | 'disk' | 'gpu' | 'models' | 'workers';

test.each<[string, Partial<HealthSources>, string, Dependency | null, string[]]>([
  ['all is well', {}, 'healthy', null, []],
  ['a worker is busy', { workers: () => [worker('busy')] }, 'healthy', null, []],
  [
    'the disk has less free than wanted (requirement 9.3)',
    { freeDiskBytes: () => Promise.resolve(10e9 - 1) },
    'degraded',
    'disk',
    ['The disk is nearly full: 10.0 GB free, at least 10.0 GB required.'],
  ],
  ['the disk has just what is wanted', { freeDiskBytes: () => Promise.resolve(10e9) }, 'healthy', null, []],
  [
    'no file can be opened',
    { canOpenFiles: () => Promise.resolve(false) },
    'unhealthy',
    'disk',
    [
      'No file can be opened: the server has reached its limit of open files. Start it with a higher limit (ulimit -n).',
    ],
  ],
  [
    'the data directory is gone',
    { freeDiskBytes: () => Promise.reject(new Error('ENOENT')) },
    'unhealthy',
    'disk',
    ['The data directory cannot be reached.'],
  ],
  [
    'the only worker still starts',
    { workers: () => [worker('starting')] },
    'degraded',
    'workers',
    ['The worker worker-0 on cpu is starting.'],
  ],
  [
    'which workers there are is not known yet',
    { workers: () => [] },
    'degraded',
    'workers',
    ['No worker has started yet: GPU detection is still running.'],
  ],
  [
    'one worker of two is down',
    { workers: () => [worker('idle'), worker('down', 'cpu', 'worker-1')] },
    'degraded',
    'workers',
    ['The worker worker-1 on cpu is down.'],
  ],
  [
    'every worker is down',
    { workers: () => [worker('down'), worker('down', 'cpu', 'worker-1')] },
    'unhealthy',
    'workers',
    ['Every worker is down.'],
  ],
  [
    'a worker died so often that it is left alone',
    {
      workers: () => [worker('idle'), worker('down', 'cpu', 'worker-1')],
      quarantined: () => [worker('down', 'cpu', 'worker-1')],
    },
    'degraded',
    'workers',
    [
      'The worker worker-1 on cpu is down.',
      'The worker worker-1 on cpu keeps dying. It is restarted only every few minutes; the log has the cause.',
    ],
  ],
  [
    'a GPU of the configuration is not in use',
    { workers: () => [worker('idle', 'cuda:0'), worker('down', 'cuda:1', 'worker-1')] },
    'unhealthy',
    'gpu',
    ['The GPU cuda:1 is not in use: its worker is down.', 'The worker worker-1 on cuda:1 is down.'],
  ],
  [
    'a GPU has no worker at work, but one of its two lives',
    {
      workers: () => [
        worker('idle', 'cuda:0'),
        worker('idle', 'cuda:1', 'worker-1'),
        worker('down', 'cuda:0', 'worker-2'),
      ],
    },
    'degraded',
    'workers',
    ['The worker worker-2 on cuda:0 is down.'],
  ],
  [
    'a GPU is left alone, and another does its work',
    {
      workers: () => [worker('idle', 'cuda:0'), worker('down', 'cuda:1', 'worker-1')],
      quarantinedGpus: () => ['cuda:1'],
    },
    'degraded',
    'gpu',
    [
      'The GPU cuda:1 failed several workers in a row. It is quarantined and retried every few minutes; the log has the cause.',
      'The worker worker-1 on cuda:1 is down.',
    ],
  ],
  [
    'all GPUs are left alone',
    {
      workers: () => [worker('idle', 'cuda:0'), worker('idle', 'cuda:1', 'worker-1')],
      quarantinedGpus: () => ['cuda:0', 'cuda:1'],
    },
    'unhealthy',
    'gpu',
    ['cuda:0', 'cuda:1'].map(
      (gpu) =>
        `The GPU ${gpu} failed several workers in a row. It is quarantined and retried every few minutes; the log has the cause.`,
    ),
  ],
  ['a scanned model is broken', { catalog: models([broken({})]) }, 'degraded', 'models', [MISSING]],
  [
    'a listed model is broken (requirement 9.4)',
    { catalog: models([broken({ listed: true })]) },
    'unhealthy',
    'models',
    [MISSING],
  ],
  [
    'the default model is broken, though nobody listed it',
    { catalog: models([broken({ isDefault: true })]) },
    'unhealthy',
    'models',
    [MISSING],
  ],
  ['no model is left', { catalog: models([], []) }, 'unhealthy', 'models', ['No model can be used.']],
  [
    'the disk has no room for the database',
    { lacksRoom: () => true },
    'unhealthy',
    'database',
    ['The database cannot be written: the disk is full.'],
  ],
  [
    'the database does not answer',
    { isDatabaseReachable: () => false },
    'unhealthy',
    'database',
    ['The database cannot be read.'],
  ],
  [
    'no upload can be looked into',
    { canReadAudio: () => false },
    'degraded',
    'workers',
    ['Uploads cannot be read: the media children are down.'],
  ],
  ['it shuts down', { isShuttingDown: () => true }, 'unhealthy', null, ['The server is shutting down.']],
])('when %s, it says so', async (_name, given, status, dependency, problems) => {
  const report = await reportHealth(sources(given));
  expect([report.status, report.problems]).toEqual([status, problems]);
  const states = Object.entries(report.dependencies).map(
    ([name, { status: state }]) => [name, state] as const,
  );
  expect(states.map(([name]) => name)).toEqual(['database', 'disk', 'gpu', 'models', 'workers']);
  // The dependency itself tells it too, where there is one.
  if (dependency === null) expect(new Set(states.map(([, state]) => state))).toEqual(new Set(['ok']));
  else {
    const expected = status === 'unhealthy' ? 'failed' : 'degraded';
    expect(report.dependencies[dependency].status).toBe(expected);
  }
  expect([report.version, report.uptime_seconds]).toEqual(['1.2.3', 7]);
});

test('of several problems the worst decides, and each is told', async () => {
  const report = await reportHealth(
    sources({ freeDiskBytes: () => Promise.resolve(0), isDatabaseReachable: () => false }),
  );
  expect(report.status).toBe('unhealthy');
  expect(report.problems).toHaveLength(2);
});
