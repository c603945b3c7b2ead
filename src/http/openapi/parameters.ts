import { z } from '@hono/zod-openapi';
import { EXAMPLE } from './exampleIds.ts';

/**
 * The task id in a path. A value that is not a UUID is not refused as invalid: it is a task that does not exist.
 */
export const taskIdParameter = z.string().openapi({
  format: 'uuid',
  description: 'The task id returned by POST /separate.',
  example: EXAMPLE.taskId,
});
