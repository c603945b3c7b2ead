import { describe, expect, test } from 'vitest';
import {
  canMove,
  hasEnded,
  statusesBefore,
  taskStatuses,
  type TaskStatus,
} from '../../../src/tasks/taskState.ts';

const LEGAL = new Set([
  'pending→processing',
  'pending→cancelled',
  'processing→completed',
  'processing→failed',
  'processing→pending',
  'processing→cancelled',
]);
const pairs = taskStatuses.flatMap((from) => taskStatuses.map((to): [TaskStatus, TaskStatus] => [from, to]));

describe('a task moves only along the legal steps', () => {
  test.each(pairs)('%s → %s', (from, to) => {
    expect(canMove(from, to)).toBe(LEGAL.has(`${from}→${to}`));
  });
});

test.each(taskStatuses)('the statuses before %s are those that may move to it', (to) => {
  expect(statusesBefore(to)).toEqual(taskStatuses.filter((from) => LEGAL.has(`${from}→${to}`)));
});

test('completed, failed and cancelled are the end; nothing else is', () => {
  const ends = taskStatuses.filter((from) => !taskStatuses.some((to) => canMove(from, to)));
  expect(taskStatuses.filter(hasEnded)).toEqual(ends);
  expect(ends).toEqual(['completed', 'failed', 'cancelled']);
});
