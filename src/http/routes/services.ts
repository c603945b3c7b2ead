import type { Clock } from '../../clock.ts';
import type { HealthReport } from '../openapi/schemas.ts';
import type { Metrics } from '../reports/metrics.ts';
import type { PageCursors } from './pageCursor.ts';
import type { ModelCatalog } from '../../models/catalog/modelCatalog.ts';
import type { BlobStore } from '../../blobs/blobStore.ts';
import type { TaskService } from '../../service/taskService.ts';
import type { Uploads } from '../../service/upload.ts';

/** Dependencies of the routes. */
export interface HttpServices {
  tasks: TaskService;
  uploads: Pick<Uploads, 'receive'>;
  catalog: ModelCatalog;
  /** Opens a finished stem. The routes have no further access to stored files, except `stemSize`. */
  readStem: BlobStore['read'];
  stemSize: BlobStore['size'];
  /** How long results are kept after the end of their task, in milliseconds. */
  resultsKeptMs: number;
  clock: Clock;
  cursors: PageCursors;
  metrics: Metrics;
  health: () => Promise<HealthReport>;
  /** Prefix of every URL in a response; empty: URLs are relative. */
  publicUrl: string;
}
