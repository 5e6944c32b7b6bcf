import { Histogram, type Registry } from 'prom-client';

export interface RequestLabels {
  readonly method: string;
  /** A pattern, never a path. */
  readonly route: string;
  readonly status: number;
}

/** The times of all HTTP requests of a process. */
export interface RequestMetrics {
  observe(labels: RequestLabels, seconds: number): void;
  /** Shows a series at 0 before its first request. */
  show(labels: RequestLabels): void;
}

/** The bounds that objectives need (0.5 s, 1 s) and two below them. Each bound costs a series per method, route and status. */
const BUCKETS = [0.025, 0.1, 0.5, 1];
/** Kinds of requests that get series of their own unless a service says otherwise. */
const DEFAULT_KINDS = 27;
/** What counts the requests of a status for which there is no room. */
const OTHER = { method: 'OTHER', route: 'other' };

const known = new WeakMap<Registry, RequestMetrics>();

/**
 * `http_request_duration_seconds` with a bound on its series. A service with many routes can answer in more kinds (method, route
 * and status) than a pod may have series. Up to `kinds` of them get series of their own as they first occur, mistakes of clients
 * at most a third of these; from then on what is new is counted under its status alone, as method `OTHER` and route `other`.
 */
export function requestMetrics(registry: Registry, kinds = DEFAULT_KINDS): RequestMetrics {
  const existing = known.get(registry);
  if (existing) return existing;
  const created = createRequestMetrics(registry, kinds);
  known.set(registry, created);
  return created;
}

interface Series {
  observe(seconds: number): void;
}

function createRequestMetrics(registry: Registry, kinds: number): RequestMetrics {
  const histogram = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from a request to the end of its answer; of a WebSocket to the end of its upgrade',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers: [registry],
  });
  const series = new Map<string, Series>();
  const others = new Map<number, Series>();
  let minor = 0;

  const own = (labels: RequestLabels): Series | undefined => {
    const key = `${labels.method} ${labels.status} ${labels.route}`;
    const existing = series.get(key);
    if (existing) return existing;
    const isMinor = isClientsMistake(labels);
    if (series.size >= kinds || (isMinor && minor >= Math.floor(kinds / 3))) return undefined;
    if (isMinor) minor++;
    return added(series, key, histogram.labels({ ...labels }));
  };
  const seriesOf = (labels: RequestLabels): Series =>
    own(labels) ??
    others.get(labels.status) ??
    added(others, labels.status, histogram.labels({ ...OTHER, status: labels.status }));
  return {
    observe: (labels, seconds) => seriesOf(labels).observe(seconds),
    show(labels) {
      if (own(labels)) histogram.zero({ ...labels });
    },
  };
}

/** Anybody can cause these on every route, so they must not take the room of what is served. */
function isClientsMistake({ method, status }: RequestLabels): boolean {
  return (status >= 400 && status < 500) || !served.has(method);
}

const served: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

function added<K>(to: Map<K, Series>, key: K, series: Series): Series {
  to.set(key, series);
  return series;
}
