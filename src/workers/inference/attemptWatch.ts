import type { Clock } from '../../clock.ts';
import type { Log } from '../../log/log.ts';
import { ChildDied, WorkerHung } from '../process/childErrors.ts';
import type { InferenceWorker } from './inferenceWorker.ts';
import type { Timeouts } from '../health/timeouts.ts';
import { Watchdog, type Finding, type Hang } from '../health/watchdog.ts';

/**
 * Runs an attempt under its own watchdog. A worker that hangs is asked for a stack dump and then killed.
 *
 * @param run runs the attempt and passes the worker's messages to the watchdog
 * @throws {WorkerHung} instead of `ChildDied` when the watchdog killed the worker
 */
export async function watchAttempt<Result>(
  {
    clock,
    log,
    timeouts,
    ...watched
  }: {
    worker: Pick<InferenceWorker, 'id' | 'dump' | 'kill'>;
    taskId: string;
    expectedSeconds: number;
    timeouts: Timeouts;
    clock: Clock;
    log: Log;
  },
  run: (watchdog: Watchdog) => Promise<Result>,
): Promise<Result> {
  const { worker, taskId } = watched;
  const watchdog = new Watchdog(clock, timeouts, watched.expectedSeconds);
  const where = { workerId: worker.id, taskId };
  let hang: Hang | undefined;
  let isOver = false;
  let before: Finding = 'well';

  const end = (found: Hang) => {
    hang = found;
    clearInterval(looking);
    log.error({ ...where, hang }, 'a worker hangs: dumping its stack and killing it');
    worker.dump();
    setTimeout(() => {
      // The attempt may have ended in the meantime, and the worker may be running another task.
      if (!isOver) worker.kill();
    }, timeouts.dumpMs);
  };
  const looking = setInterval(() => {
    const found = watchdog.look();
    if (found === 'suspect' && before === 'well') log.warn(where, 'a worker does not send heartbeats');
    if (found !== 'suspect' && found !== 'well') end(found);
    before = found;
  }, timeouts.lookEveryMs);

  try {
    return await run(watchdog);
  } catch (error) {
    throw hang !== undefined && error instanceof ChildDied ? new WorkerHung(hang, error) : error;
  } finally {
    isOver = true;
    clearInterval(looking);
  }
}
