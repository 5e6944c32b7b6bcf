import { type ErrorCode, type FieldError, problems } from '@collabeditor/contracts';

export interface ProblemExtra {
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An error that the client is told about, as problem+json. Anything else that is thrown is a 500 without a word. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ErrorCode;
  readonly status: number;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, detail: string = problems[code].title, extra: ProblemExtra = {}) {
    super(detail, { cause: extra.cause });
    this.code = code;
    this.status = problems[code].status;
    this.errors = extra.errors;
    this.headers = extra.headers ?? {};
  }

  toJSON(): Record<string, unknown> {
    return {
      type: `urn:collabeditor:problem:${this.code}`,
      title: problems[this.code].title,
      status: this.status,
      detail: this.message,
      code: this.code,
      ...(this.errors ? { errors: this.errors } : {}),
    };
  }
}

/** 503 with a hint when to come back. */
export function unavailable(detail: string, cause?: unknown): Problem {
  return new Problem('unavailable', detail, { headers: { 'Retry-After': '2' }, cause });
}

const systemCodes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CLOSED'],
]);
/** Connection exceptions, shutdown, too many connections, a standby that can't write, a statement that ran out of time. */
const sqlStates = /^(08...|57P0[1-4]|53300|25006|57014)$/;
const driverMessages =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Cannot use a pool after calling end/;

/** Like `instanceof Error`, and true for errors of other realms too, such as those of Node.js under a test runner. */
export function isError(value: unknown): value is Error {
  return Error.isError(value);
}

/** Whether an error says that a store or peer is away, as opposed to a bug of ours. */
export function isOutage(error: unknown): boolean {
  if (!isError(error)) return false;
  if ('errors' in error && Array.isArray(error.errors)) return error.errors.some((inner) => isOutage(inner));
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return systemCodes.has(code) || sqlStates.test(code) || driverMessages.test(error.message);
}
