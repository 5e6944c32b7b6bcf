import { isObject, numberAt, textAt } from './json.ts';

/** What can go wrong between us and an API server. `status` carries the server's own reason. */
export type KubeErrorCode = 'status' | 'unreachable' | 'timeout' | 'aborted' | 'protocol';

/** A failed request to an API server. */
export class KubeError extends Error {
  readonly code: KubeErrorCode;
  /** HTTP status, 0 where there was no answer. */
  readonly status: number;
  /** `reason` of the server's Status object, such as `AlreadyExists`; empty where there is none. */
  readonly reason: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: KubeErrorCode,
    message: string,
    answer: { status?: number; reason?: string; retryAfterSeconds?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: answer.cause });
    this.name = 'KubeError';
    this.code = code;
    this.status = answer.status ?? 0;
    this.reason = answer.reason ?? '';
    this.retryAfterSeconds = answer.retryAfterSeconds;
  }
}

/** Makes the error of a refused request from the server's Status object, in a body or in a watch's ERROR event. */
export function statusError(status: number, body: unknown, retryAfter?: string): KubeError {
  const code = numberAt(body, 'code') ?? status;
  const seconds = numberAt(body, 'details', 'retryAfterSeconds') ?? parseRetryAfter(retryAfter);
  const text = typeof body === 'string' && body !== '' ? body.slice(0, 300) : `the API server answered ${code}`;
  const message = isObject(body) ? (textAt(body, 'message') ?? text) : text;
  return new KubeError('status', message, {
    status: code,
    reason: textAt(body, 'reason') ?? '',
    retryAfterSeconds: seconds,
  });
}

/** Whether the object does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

/** Whether an object of that name exists already. */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof KubeError && error.reason === 'AlreadyExists';
}

/** Whether a precondition (UID, resourceVersion) or an ownership of fields stood against the write. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409 && error.reason !== 'AlreadyExists';
}

/** Whether the server no longer has the history that a watch or a page asked for. */
export function isExpired(error: unknown): boolean {
  return error instanceof KubeError && error.status === 410;
}

function parseRetryAfter(header: string | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}
