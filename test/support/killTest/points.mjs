/**
 * Every named point along a task's path at which a process can be killed: what `killPoints.mjs` makes out in
 * the running server, and what the stand-in worker knows by its plan words.
 */

/** Points in the server, in the order in which a task comes to them. */
export const SERVER_POINTS = [
  'child-spawned',
  'recovery-before-commit',
  'recovery-committed',
  'upload-begun',
  'upload-half-written',
  'upload-stored',
  'mixture-named',
  'accept-before-commit',
  'accept-committed',
  'answer-before-201',
  'answer-201-written',
  'stage-sent',
  'stage-received',
  'claim-before-commit',
  'claim-committed',
  'attempt-folders-made',
  'separate-before-sent',
  'separate-sent',
  'progress-received',
  'result-received',
  'completion-before-commit',
  'completion-committed',
  'failure-before-commit',
  'failure-committed',
  'requeue-before-commit',
  'requeue-committed',
  'cancel-before-commit',
  'cancel-committed',
  'scratch-removed',
  'deletion-before-mark',
  'deletion-marked',
  'results-removed',
  'input-removed',
  'erasure-before-commit',
  'erasure-committed',
  'expiry-before-mark',
  'expiry-marked',
  'removal-before-note',
  'removal-noted',
  'retirement-before-mark',
  'retirement-marked',
];

/** Points in the worker: words of its plan. */
export const WORKER_POINTS = ['die:begun', 'die', 'die:between-stems', 'die:before-answer'];
