import { type DestinationStream, pino } from 'pino';
import { onOneLine, safeFields } from './log-fields.ts';
import { standardOutput } from './log-output.ts';
import { currentTraceId } from './trace.ts';

/** `event` is what machines go by: snake_case, stable, one per message. Everything that varies is a field, never a part of the message. */
export interface LogFields {
  readonly event: Lowercase<string>;
  readonly [field: string]: unknown;
}

/** A sentence for people, beginning with a capital, without variable parts. */
export type LogMessage = Capitalize<string>;
type Write = (fields: LogFields, msg: LogMessage) => void;

/** Levels: `warn` and above want somebody's eyes, `info` is at most a few lines a minute, `debug` may be one a request. */
export interface Logger {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  readonly fatal: Write;
}

export interface LogOptions {
  readonly service: string;
  readonly pod: string;
  readonly level: string;
  /** Standard output unless given. */
  readonly destination?: DestinationStream;
}

/** One JSON object a line: `time`, `level`, `msg`, `event`, `service`, `pod`, and `traceId` inside a traced request or event. */
export function createLogger(options: LogOptions): Logger {
  const destination =
    options.destination ??
    standardOutput((lines) =>
      logger.warn({ event: 'log_lines_dropped', lines }, 'Log lines were dropped because nobody read them'),
    );
  const log = pino(
    {
      level: options.level,
      base: { service: options.service, pod: options.pod },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      // `err` is described like all other fields.
      serializers: { err: (described: unknown) => described },
      formatters: { level: (label) => ({ level: label }), log: safeFields },
      mixin: () => {
        const traceId = currentTraceId();
        return traceId === undefined ? {} : { traceId };
      },
    },
    { write: (line) => destination.write(onOneLine(line)) },
  );
  const writer =
    (level: keyof Logger): Write =>
    (fields, msg) =>
      log[level](fields, msg);
  const logger: Logger = {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    fatal: writer('fatal'),
  };
  return logger;
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

/** Answers whether one more line of a kind may be written in this second. */
export function atMostPerSecond(limit: number): () => boolean {
  let second = 0;
  let count = 0;
  return () => {
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) [second, count] = [now, 0];
    return ++count <= limit;
  };
}
