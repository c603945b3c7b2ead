import { z } from '@hono/zod-openapi';
import { EXAMPLE } from './exampleIds.ts';

/** The task that a path names. Another form of it than a UUID is not refused: there is no such task. */
export const taskIdParameter = z.string().openapi({
  format: 'uuid',
  description: 'The task, as POST /separate named it.',
  example: EXAMPLE.taskId,
});
