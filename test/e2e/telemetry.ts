/** What Prometheus and Loki answer, asked as Grafana asks them. */

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Numbers of a metric, or lines of a log. */
  readonly values: readonly (readonly [time: number, value: string])[];
}

interface Range {
  /** Unix seconds. */
  readonly start: number;
  readonly end: number;
}

export interface Alert {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Result {
  readonly metric?: Readonly<Record<string, string>>;
  readonly stream?: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number | string, string])[];
}

export class PrometheusApi {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Values of an instant query. */
  async query(expression: string): Promise<number[]> {
    return (await this.instant(expression)).map(({ values }) => Number(values[0]?.[1]));
  }

  async instant(expression: string): Promise<Series[]> {
    const data = await ask(this.#url, '/api/v1/query', { query: expression });
    return seriesOf(data);
  }

  async range(expression: string, { start, end }: Range): Promise<Series[]> {
    const parameters = { query: expression, start: String(start), end: String(end), step: '15' };
    return seriesOf(await ask(this.#url, '/api/v1/query_range', parameters));
  }

  async labelValues(label: string, match?: string): Promise<string[]> {
    const parameters: Record<string, string> = match === undefined ? {} : { 'match[]': match };
    return (await ask(this.#url, `/api/v1/label/${label}/values`, parameters)) as string[];
  }

  async alerts(): Promise<Alert[]> {
    return ((await ask(this.#url, '/api/v1/alerts', {})) as { alerts: Alert[] }).alerts;
  }
}

export class LokiApi {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Lines, or numbers of an aggregation, newest last. */
  async range(query: string, { start, end }: Range, limit = 5_000): Promise<Series[]> {
    const parameters = {
      query,
      start: `${start}000000000`,
      end: `${end}000000000`,
      step: '15',
      limit: String(limit),
      direction: 'forward',
    };
    return seriesOf(await ask(this.#url, '/loki/api/v1/query_range', parameters));
  }

  async instant(query: string): Promise<Series[]> {
    return seriesOf(await ask(this.#url, '/loki/api/v1/query', { query }));
  }

  async labelValues(label: string, query?: string): Promise<string[]> {
    const since = String(Math.floor(Date.now() / 1000 - 3600));
    const parameters = { start: `${since}000000000`, ...(query === undefined ? {} : { query }) };
    return (await ask(this.#url, `/loki/api/v1/label/${label}/values`, parameters)) as string[];
  }
}

async function ask(base: string, path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
  const query = new URLSearchParams(parameters).toString();
  const response = await fetch(`${base}${path}?${query}`, { signal: AbortSignal.timeout(20_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} ${parameters['query'] ?? ''}: ${response.status} ${text}`);
  return (JSON.parse(text) as { data: unknown }).data ?? [];
}

function seriesOf(data: unknown): Series[] {
  const { result } = data as { result: readonly Result[] };
  return result.map(({ metric, stream, value, values }) => ({
    labels: metric ?? stream ?? {},
    values: (values ?? (value === undefined ? [] : [value])).map(([time, text]) => [Number(time), text] as const),
  }));
}
