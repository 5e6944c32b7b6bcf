import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isError } from './problem.ts';

/** How one environment variable becomes a typed value. `read` throws an Error whose message follows the variable's name. */
export interface Field<T> {
  readonly read: (raw: string | undefined) => T;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type ConfigOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** The configuration can't be used; lists every problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem(s):\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/** Reads all fields; throws one ConfigError with all problems. An empty variable counts as absent. */
export function parseConfig<F extends Fields>(
  fields: F,
  env: Readonly<Record<string, string | undefined>>,
): ConfigOf<F> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    try {
      values[name] = field.read(env[name] === '' ? undefined : env[name]);
    } catch (error) {
      problems.push(`${name} ${isError(error) ? error.message : String(error)}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as ConfigOf<F>;
}

function field<T>(fallback: T | undefined, parse: (raw: string) => T): Field<T> {
  return {
    read: (raw) => {
      if (raw !== undefined) return parse(raw);
      if (fallback === undefined) throw new Error('is missing');
      return fallback;
    },
  };
}

export function text(options: { default?: string; pattern?: RegExp } = {}): Field<string> {
  return field(options.default, (raw) => {
    if (options.pattern && !options.pattern.test(raw)) throw new Error(`must match ${String(options.pattern)}`);
    return raw;
  });
}

export function integer(options: { min: number; max: number; default?: number }): Field<number> {
  const { min, max } = options;
  return field(options.default, (raw) => {
    const value = Number(raw);
    if (!/^-?\d+$/.test(raw) || value < min || value > max) {
      throw new Error(`must be an integer from ${min} to ${max}, not "${raw}"`);
    }
    return value;
  });
}

const units: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3 };

/** A Go-style duration (`1h30m`, `15m`, `300ms`) in milliseconds. */
export function duration(options: { default?: string; min?: string } = {}): Field<number> {
  const fallback = options.default === undefined ? undefined : parseDuration(options.default);
  const min = options.min === undefined ? 0 : parseDuration(options.min);
  return field(fallback, (raw) => {
    const value = parseDuration(raw);
    if (value < min) throw new Error(`must be at least ${options.min ?? '0s'}, not "${raw}"`);
    return value;
  });
}

function parseDuration(raw: string): number {
  if (raw === '0') return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(raw))
    throw new Error(`must be a duration such as 1h30m, not "${raw}"`);
  let milliseconds = 0;
  for (const [, amount, unit] of raw.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) {
    milliseconds += Number(amount) * (units[unit ?? ''] ?? 0);
  }
  return milliseconds;
}

/** A URL. Its value never shows in the problem: it may hold a password. */
export function url(options: { protocols: readonly string[]; default?: string }): Field<string> {
  return field(options.default, (raw) => {
    const protocol = URL.canParse(raw) ? new URL(raw).protocol.replace(/:$/, '') : undefined;
    if (protocol === undefined || !options.protocols.includes(protocol)) {
      throw new Error(`must be a URL that begins with ${options.protocols.map((name) => `${name}://`).join(' or ')}`);
    }
    return raw;
  });
}

/** Comma-separated. */
export function list(options: { default?: readonly string[]; pattern?: RegExp } = {}): Field<readonly string[]> {
  return field(options.default, (raw) => {
    const items = raw.split(',').map((item) => item.trim());
    const wrong = items.find((item) => item === '' || (options.pattern && !options.pattern.test(item)));
    if (wrong !== undefined) throw new Error(`has the wrong item "${wrong}"`);
    return items;
  });
}

export function choice<const T extends string>(values: readonly T[], options: { default?: NoInfer<T> } = {}): Field<T> {
  return field<T>(options.default, (raw) => {
    const value = values.find((candidate) => candidate === raw);
    if (value === undefined) throw new Error(`must be one of ${values.join(', ')}, not "${raw}"`);
    return value;
  });
}

export interface FileValue {
  readonly path: string;
  /** As it was at start. */
  readonly content: string;
}

/** The path of a file, which is read at start. */
export function file(): Field<FileValue> {
  return field<FileValue>(undefined, (path) => {
    try {
      return { path, content: readFileSync(path, 'utf8') };
    } catch (error) {
      const code = isError(error) && 'code' in error ? String(error.code) : 'unreadable';
      throw new Error(`names the file ${path}, which can't be read (${code})`, { cause: error });
    }
  });
}

/** Undefined where the variable is absent. */
export function optional<T>(inner: Field<T>): Field<T | undefined> {
  return { read: (raw) => (raw === undefined ? undefined : inner.read(raw)) };
}

/** A secret that services know each other by; short ones could be guessed. */
export function token(): Field<string> {
  return field<string>(undefined, (raw) => {
    if (raw.length < 16) throw new Error('must have at least 16 characters');
    return raw;
  });
}

/** A number from 0 to 1. */
function ratio(options: { default: number }): Field<number> {
  return field(options.default, (raw) => {
    const value = Number(raw);
    if (!/^\d*\.?\d+$/.test(raw) || value > 1) throw new Error(`must be a number from 0 to 1, not "${raw}"`);
    return value;
  });
}

/** `name=value,name=value`, values percent-encoded. No value shows in the problem: headers hold credentials. */
function pairs(): Field<Readonly<Record<string, string>>> {
  return field<Readonly<Record<string, string>>>({}, (raw) => {
    const items = raw.split(',').filter((item) => item.trim() !== '');
    return Object.fromEntries(items.map(pair));
  });
}

function pair(item: string, index: number): readonly [string, string] {
  const [, name, value] = /^\s*([\w.!#$%&'*+^`|~-]+)\s*=\s*(.*?)\s*$/.exec(item) ?? [];
  try {
    if (name !== undefined && value !== undefined) return [name, decodeURIComponent(value)];
  } catch {
    // Told below.
  }
  throw new Error(`must be name=value,name=value with percent-encoded values; item ${index + 1} is not`);
}

const port = (fallback: number) => integer({ min: 0, max: 65_535, default: fallback });
const origin = /^(\*|https?:\/\/[^\s/]+)$/;

const databaseFields = {
  DATABASE_URL: url({ protocols: ['postgres', 'postgresql'] }),
  DATABASE_CA_FILE: optional(file()),
};

const logFields = {
  LOG_LEVEL: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { default: 'info' }),
  POD_NAME: text({ default: hostname() }),
};

const collector = () => optional(url({ protocols: ['http', 'https'] }));

/** Traces, by the names that OpenTelemetry gives them. Without an endpoint there are none. */
const traceFields = {
  OTEL_EXPORTER_OTLP_ENDPOINT: collector(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs(),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: pairs(),
  OTEL_EXPORTER_OTLP_PROTOCOL: choice(['http/json'], { default: 'http/json' }),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: choice(['http/json'], { default: 'http/json' }),
  OTEL_SDK_DISABLED: choice(['true', 'false'], { default: 'false' }),
  OTEL_SERVICE_NAME: optional(text()),
  OTEL_RESOURCE_ATTRIBUTES: pairs(),
  OTEL_TRACES_SAMPLER: choice(
    [
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ],
    { default: 'parentbased_traceidratio' },
  ),
  OTEL_TRACES_SAMPLER_ARG: ratio({ default: 0.1 }),
};

/** Read by every service; `create` finds them in its configuration beside the service's own. */
export const baseFields = {
  ...logFields,
  ...traceFields,
  ...databaseFields,
  HOST: text({ default: '0.0.0.0' }),
  PORT: port(8080),
  INTERNAL_PORT: port(8081),
  TELEMETRY_PORT: port(9090),
  /** How long requests are still accepted after SIGTERM, since routers learn late that a replica has gone. */
  SHUTDOWN_LINGER: duration({ default: '5s' }),
  /** After this time whatever still hangs is cut off; below what Kubernetes grants, so that it is us who log it. */
  SHUTDOWN_LIMIT: duration({ default: '55s', min: '1s' }),
  AMQP_URL: url({ protocols: ['amqp', 'amqps'] }),
  AMQP_CA_FILE: optional(file()),
  SERVICE_TOKEN: token(),
};

/** Read by `migrate`. */
export const migrationFields = { ...logFields, ...databaseFields, DATABASE_APP_ROLE: optional(text()) };

/** For services with Redis. */
export const redisFields = { REDIS_URL: url({ protocols: ['redis', 'rediss'] }), REDIS_CA_FILE: optional(file()) };

/** For services with public routes. */
export const webFields = {
  ISSUER: text({ pattern: /^https?:\/\/\S+$/ }),
  ALLOWED_ORIGINS: list({ default: [], pattern: origin }),
};

export type TraceConfig = ConfigOf<typeof traceFields>;
export type BaseConfig = ConfigOf<typeof baseFields>;
