import { taskQueueConformance } from '../../../conformance/taskQueue.ts';
import { openQueueOnDisk } from '../../../support/queueOnDisk.ts';

taskQueueConformance('SQLite', openQueueOnDisk);
