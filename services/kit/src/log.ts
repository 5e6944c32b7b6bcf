import { type DestinationStream, type Logger, pino } from 'pino';
import { isError } from './problem.ts';
import { currentTraceId } from './trace.ts';

export type { Logger } from 'pino';

export interface LogOptions {
  readonly service: string;
  readonly pod: string;
  readonly level: string;
  /** Standard output unless given. */
  readonly destination?: DestinationStream;
}

/** Fields that could hold a secret, at the top and one level down. */
const secret = [
  'authorization',
  'password',
  'token',
  'accessToken',
  'refreshToken',
  'serviceToken',
  'x-service-token',
  'body',
  'content',
  'text',
];
const redact = secret.flatMap((name) => [`["${name}"]`, `*["${name}"]`]);

/** One JSON object a line: `time`, `level`, `msg`, `service`, `pod`, and `traceId` inside a traced request or event. */
export function createLogger(options: LogOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service, pod: options.pod },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => {
        const traceId = currentTraceId();
        return traceId === undefined ? {} : { traceId };
      },
      serializers: { err: describeError },
      redact: { paths: redact, censor: '[redacted]' },
    },
    options.destination ?? pino.destination({ dest: 1, sync: true }),
  );
}

/** Only what is known to be free of values: drivers attach rows and parameters to their errors. */
function describeError(error: unknown): Record<string, unknown> {
  if (!isError(error)) return { message: String(error) };
  const inner = 'errors' in error && Array.isArray(error.errors) ? error.errors.map(String).join('; ') : '';
  return {
    type: error.name,
    message: error.message || inner,
    ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** Lets one line of a kind through per interval: an outage is one fact, not a line per attempt. */
export function atMostEvery(intervalMs: number, write: (error: unknown) => void): (error: unknown) => void {
  let last = -Infinity;
  return (error) => {
    const now = performance.now();
    if (now - last < intervalMs) return;
    last = now;
    write(error);
  };
}
