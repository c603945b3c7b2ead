import type { Log } from '../log/log.ts';
import { tellSafely } from '../log/tellSafely.ts';
import type { TaskEvent, TaskEvents } from './taskEvent.ts';

/** Creates the publisher. */
export function createTaskEvents(log: Pick<Log, 'error'>): TaskEvents {
  const subscribers: ((event: TaskEvent) => void)[] = [];
  return {
    subscribe(tell) {
      subscribers.push(tell);
    },
    announce(event) {
      for (const tell of subscribers) {
        tellSafely(log, () => {
          tell(event);
        });
      }
    },
  };
}
