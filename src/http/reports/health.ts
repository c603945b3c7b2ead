import type { ModelCatalog, UnavailableModel } from '../../models/catalog/modelCatalog.ts';
import { unavailability } from '../../models/catalog/modelErrors.ts';
import type { HealthReport } from '../openapi/schemas.ts';

/** Sources of the health report, each reduced to the one fact it needs. */
export interface HealthSources {
  isDatabaseReachable: () => boolean;
  /** Whether the database is read-only because the disk is full. */
  lacksRoom: () => boolean;
  freeDiskBytes: () => Promise<number>;
  /** Whether a file descriptor is free: every upload, stem and connection takes one. */
  canOpenFiles: () => Promise<boolean>;
  minFreeDiskBytes: number;
  catalog: Pick<ModelCatalog, 'refresh' | 'list' | 'unavailable'>;
  /** Whether uploaded audio can be read. */
  canReadAudio: () => boolean;
  workers: () => HealthReport['dependencies']['workers']['workers'];
  /** Workers that died so often that they are restarted only occasionally. */
  quarantined: () => readonly { id: string; device: string }[];
  /** GPUs on which several workers in a row failed; they are retried only occasionally. */
  quarantinedGpus: () => readonly string[];
  isShuttingDown: () => boolean;
  version: string;
  uptimeSeconds: () => number;
}

const NO_DESCRIPTORS =
  'No file can be opened: the server has reached its limit of open files. Start it with a higher limit (ulimit -n).';

type Finding = { status: 'degraded' | 'failed'; problem: string };

/** Checks every dependency and reports the server's health. */
export async function reportHealth(sources: HealthSources): Promise<HealthReport> {
  await sources.catalog.refresh();
  const freeBytes = await sources.freeDiskBytes().catch(() => null);
  const canOpenFiles = await sources.canOpenFiles();
  const workers = sources.workers();
  const unavailable = sources.catalog.unavailable();
  const gpus = workers.filter((worker) => worker.device !== 'cpu');

  const database = databaseFindings(sources);
  const room =
    freeBytes === null
      ? [fail('The data directory cannot be reached.')]
      : freeBytes < sources.minFreeDiskBytes
        ? [
            degrade(
              `The disk is nearly full: ${gigabytes(freeBytes)} free, at least ${gigabytes(sources.minFreeDiskBytes)} required.`,
            ),
          ]
        : [];
  const disk = canOpenFiles ? room : [...room, fail(NO_DESCRIPTORS)];
  const gpu = gpuFindings(gpus, new Set(sources.quarantinedGpus()));
  const models = modelFindings(sources, unavailable);
  const workerList = [...workerFindings(workers), ...sources.quarantined().map(quarantineFinding)];
  const reading = sources.canReadAudio()
    ? []
    : [degrade('Uploads cannot be read: the media children are down.')];
  const lifecycle = sources.isShuttingDown() ? [fail('The server is shutting down.')] : [];

  const findings = [...database, ...disk, ...gpu, ...models, ...workerList, ...reading, ...lifecycle];
  return {
    status: { ok: 'healthy', degraded: 'degraded', failed: 'unhealthy' }[
      worst(findings)
    ] as HealthReport['status'],
    problems: findings.map((finding) => finding.problem),
    dependencies: {
      database: { status: worst(database) },
      disk: { status: worst(disk), free_bytes: freeBytes ?? 0, minimum_bytes: sources.minFreeDiskBytes },
      gpu: { status: worst(gpu), devices: [...new Set(gpus.map((worker) => worker.device))] },
      models: {
        status: worst(models),
        available: sources.catalog.list().length,
        unavailable: unavailable.map(({ name, reason }) => ({ model_type: name, reason })),
      },
      workers: { status: worst([...workerList, ...reading]), workers },
    },
    version: sources.version,
    uptime_seconds: Math.round(sources.uptimeSeconds()),
  };
}

const fail = (problem: string): Finding => ({ status: 'failed', problem });
const degrade = (problem: string): Finding => ({ status: 'degraded', problem });
const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

function worst(findings: readonly Finding[]): 'ok' | 'degraded' | 'failed' {
  if (findings.some((finding) => finding.status === 'failed')) return 'failed';
  return findings.length > 0 ? 'degraded' : 'ok';
}

function databaseFindings(sources: HealthSources): Finding[] {
  if (!sources.isDatabaseReachable()) return [fail('The database cannot be read.')];
  return sources.lacksRoom() ? [fail('The database cannot be written: the disk is full.')] : [];
}

function modelFindings(sources: HealthSources, unavailable: readonly UnavailableModel[]): Finding[] {
  const findings = unavailable.map(({ name, reason, listed, isDefault }) => {
    const problem = unavailability(name, reason);
    return listed || isDefault ? fail(problem) : degrade(problem);
  });
  if (sources.catalog.list().length === 0) findings.push(fail('No model can be used.'));
  return findings;
}

/**
 * A quarantined GPU only degrades the server while another GPU works. A GPU whose workers are all down outside
 * quarantine is unexpected and counts as failed.
 */
function gpuFindings(
  workers: readonly { device: string; state: string }[],
  quarantined: ReadonlySet<string>,
): Finding[] {
  const isDown = (gpu: string) => workers.every((worker) => worker.device !== gpu || worker.state === 'down');
  const gpus = [...new Set(workers.map((worker) => worker.device))];
  const isAnyInUse = gpus.some((gpu) => !quarantined.has(gpu) && !isDown(gpu));
  return gpus.flatMap((gpu) => {
    if (quarantined.has(gpu)) {
      const finding = isAnyInUse ? degrade : fail;
      return [
        finding(
          `The GPU ${gpu} failed several workers in a row. It is quarantined and retried every few minutes; the log has the cause.`,
        ),
      ];
    }
    return isDown(gpu) ? [fail(`The GPU ${gpu} is not in use: its worker is down.`)] : [];
  });
}

const quarantineFinding = ({ id, device }: { id: string; device: string }) =>
  degrade(
    `The worker ${id} on ${device} keeps dying. It is restarted only every few minutes; the log has the cause.`,
  );

function workerFindings(workers: HealthReport['dependencies']['workers']['workers']): Finding[] {
  if (workers.length === 0) return [degrade('No worker has started yet: GPU detection is still running.')];
  if (workers.every((worker) => worker.state === 'down')) return [fail('Every worker is down.')];
  return workers
    .filter((worker) => worker.state === 'down' || worker.state === 'starting')
    .map((worker) => degrade(`The worker ${worker.id} on ${worker.device} is ${worker.state}.`));
}
