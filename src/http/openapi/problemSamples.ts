import type { ErrorCode, ErrorDetails, ErrorHints } from '../../errors.ts';
import { API_PREFIX } from '../request/publicPath.ts';
import { EXAMPLE } from './exampleIds.ts';

/** An error as a client would receive it. */
export interface ProblemSample {
  message: string;
  details?: ErrorDetails;
  hints?: ErrorHints;
  /** The requested path, if the example values of the route's parameters would not cause this error. */
  instance?: string;
}

/** The meaning and a sample of every error code. A missing code is a compile error. */
export const problemSamples = {
  INVALID_PARAMETERS: {
    meaning: 'The request is invalid; `error.details.params` lists every invalid parameter.',
    message: 'The request cannot be read.',
  },
  INVALID_MULTIPART: {
    meaning: 'The body is not a valid multipart form.',
    message: 'The body must be multipart/form-data with a boundary and the audio as the part `file`.',
  },
  UNSUPPORTED_FORMAT: {
    meaning: 'The file is not in a supported audio format.',
    message:
      'The file is of no known audio format. Allowed: WAV, FLAC, MP3, OGG (Vorbis, Opus), M4A (AAC, ALAC).',
  },
  INVALID_AUDIO: {
    meaning: 'The file is empty, truncated or damaged.',
    message: 'The file is empty.',
  },
  FILE_TOO_LARGE: {
    meaning: 'The file is larger than `max_file_size`.',
    message: 'The file is too large: at most 500000000 bytes (500.0 MB) are allowed.',
  },
  AUDIO_TOO_LONG: {
    meaning: 'The audio is longer than `max_audio_duration`, or than the memory of the server allows.',
    message:
      'The audio is 36000 s long; at most 5400 s are allowed with the model "starter" and the memory of this server.',
  },
  UNAUTHORIZED: {
    meaning: 'The API key is missing or unknown; only with `enable_auth`.',
    message: 'This API key is unknown.',
    hints: { challenge: 'Bearer error="invalid_token"' },
  },
  RATE_LIMITED: {
    meaning:
      'Too many requests in an hour; only with `enable_rate_limit`. Retry-After says when to try again.',
    message: 'At most 1000 requests per hour are allowed.',
    hints: { retryAfterSeconds: 42 },
  },
  TASK_NOT_FOUND: {
    meaning: 'There is no task with this id, or it belongs to another key.',
    message: 'There is no task with this id. Finished tasks are deleted after a while.',
  },
  MODEL_NOT_FOUND: {
    meaning: 'There is no model with this name, or it is unavailable; the response lists the valid ones.',
    message: 'There is no model "statrer". Did you mean "starter"? Valid: starter, vocals.',
    details: { valid_model_types: ['starter', 'vocals'] },
    instance: `${API_PREFIX}/models/statrer`,
  },
  FILE_NOT_FOUND: {
    meaning: 'There is no such file, its task has not completed, or it belongs to another key.',
    message: 'There is no such file. GET /api/v1/tasks/{task_id}/results lists the files.',
  },
  ROUTE_NOT_FOUND: {
    meaning: 'A path parameter is empty or contains a slash, so that the path matches no route.',
    message: 'There is no such route. GET /docs lists all routes.',
    instance: `${API_PREFIX}/no/such/route`,
  },
  METHOD_NOT_ALLOWED: {
    meaning: 'The path does not support this method; Allow lists the supported ones.',
    message: 'This route accepts GET, HEAD.',
    hints: { allow: ['GET', 'HEAD'] },
  },
  TASK_NOT_COMPLETED: {
    meaning: 'The task is waiting, running or cancelled: it has no results.',
    message: 'The task is processing: its results are not ready.',
  },
  TASK_ALREADY_ENDED: {
    meaning: 'The task has already ended.',
    message: 'The task has already ended, so it cannot be cancelled.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    meaning: 'The `Idempotency-Key` belongs to another submission: use a new key.',
    message:
      'This Idempotency-Key was already used with a different file or different parameters. Use a new key for each new submission.',
  },
  TASK_FAILED: {
    meaning: 'The task failed; the message says why.',
    message: 'The separation ran out of memory. A smaller batch_size needs less.',
  },
  RESULTS_EXPIRED: {
    meaning: 'The results have expired: they are kept for `cleanup_retention_hours`.',
    message: 'The results of this task have expired and were deleted.',
  },
  RANGE_NOT_SATISFIABLE: {
    meaning: 'The range is outside the file; Content-Range has the size of the file.',
    message: `The range is outside the file, which has ${String(EXAMPLE.stemBytes)} bytes.`,
    hints: { sizeBytes: EXAMPLE.stemBytes },
  },
  FORBIDDEN_ORIGIN: {
    meaning: 'The request comes from a web page of another origin, or its Host is not this server.',
    message: 'Pages from this origin may not use this server. Add it to cors_origins in the configuration.',
  },
  MODEL_UNAVAILABLE: {
    meaning: 'The files of the model cannot be used; the log of the server has the reason.',
    message: 'The model "vocals" is unavailable: its checkpoint is missing. Available: starter.',
    details: { valid_model_types: ['starter'] },
  },
  QUEUE_FULL: {
    meaning: '`max_queue_size` tasks are already waiting; Retry-After says when to try again.',
    message: 'The queue is full: 1000 tasks are waiting. Try again later.',
    hints: { retryAfterSeconds: 17 },
  },
  SHUTTING_DOWN: {
    meaning: 'The server is shutting down; it accepts tasks again after a restart.',
    message: 'The server is shutting down. Try again in a moment.',
    hints: { retryAfterSeconds: 10 },
  },
  SERVER_BUSY: {
    meaning:
      'The request is valid, but the server did not get to inspect the file within a minute, or it has too many files open.',
    message: 'The server is too busy to inspect the file now. Try again in a moment.',
    hints: { retryAfterSeconds: 10 },
  },
  INSUFFICIENT_STORAGE: {
    meaning: 'The disk of the server does not have enough space for this task.',
    message: 'The server has no room for this task: it would need 412 MB. Try again later.',
  },
  INTERNAL: {
    meaning: 'Internal error; the log of the server has the cause under this request_id.',
    message: 'Internal error. Quote the request_id to the administrator of this server.',
  },
} as const satisfies Record<ErrorCode, ProblemSample & { meaning: string }>;
