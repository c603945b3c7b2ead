/** Error codes for clients and the log. `http/middleware/errors.ts` maps every code to an HTTP status. */
export type ErrorCode =
  | 'INVALID_PARAMETERS'
  | 'INVALID_MULTIPART'
  | 'UNSUPPORTED_FORMAT'
  | 'INVALID_AUDIO'
  | 'FILE_TOO_LARGE'
  | 'AUDIO_TOO_LONG'
  | 'UNAUTHORIZED'
  | 'RATE_LIMITED'
  | 'TASK_NOT_FOUND'
  | 'MODEL_NOT_FOUND'
  | 'FILE_NOT_FOUND'
  | 'ROUTE_NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'TASK_NOT_COMPLETED'
  | 'TASK_ALREADY_ENDED'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'TASK_FAILED'
  | 'RESULTS_EXPIRED'
  | 'RANGE_NOT_SATISFIABLE'
  | 'FORBIDDEN_ORIGIN'
  | 'MODEL_UNAVAILABLE'
  | 'QUEUE_FULL'
  | 'SHUTTING_DOWN'
  | 'SERVER_BUSY'
  | 'INSUFFICIENT_STORAGE'
  | 'INTERNAL';

/** A rejected parameter, with everything a client needs to correct it. */
export interface ParamProblem {
  name: string;
  message: string;
  received?: string;
  allowed?: string;
  did_you_mean?: string;
}

/** The machine-readable part of an error body. */
export interface ErrorDetails {
  params?: ParamProblem[];
  valid_model_types?: string[];
  valid_instruments?: string[];
}

/** Facts that become response headers. */
export interface ErrorHints {
  /** Whole seconds, at least 1: becomes Retry-After. */
  retryAfterSeconds?: number;
  /** Becomes WWW-Authenticate. */
  challenge?: string;
  /** Becomes Allow. */
  allow?: readonly string[];
  /** Becomes the size in Content-Range of a 416. */
  sizeBytes?: number;
}

/**
 * An error that is reported to the client. `message` is a sentence for the client that says what is wrong and what
 * is allowed, never with a stack trace or server path; `cause` is for the log.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly hints: ErrorHints;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: ErrorDetails; hints?: ErrorHints } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.hints = options.hints ?? {};
  }
}
