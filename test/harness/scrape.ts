/** The metrics of a service as a scraper sees them. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Scrape {
  readonly samples: readonly Sample[];
  /** Name to type, as the `# TYPE` lines say; names with a `# HELP` of more than a word. */
  readonly types: ReadonlyMap<string, string>;
  readonly helped: ReadonlySet<string>;
  readonly bytes: number;
  /** The one series with exactly these labels; undefined where it is absent. */
  readonly value: (name: string, labels?: Readonly<Record<string, string>>) => number | undefined;
  /** Values by one label. */
  readonly by: (name: string, label: string) => Readonly<Record<string, number>>;
}

export async function scrape(telemetryUrl: string): Promise<Scrape> {
  const response = await fetch(`${telemetryUrl}/metrics`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`/metrics: ${response.status} ${text}`);
  return parseMetrics(text);
}

export function parseMetrics(text: string): Scrape {
  const lines = text.split('\n');
  const samples = lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseSample);
  const comments = (keyword: string): [string, string][] =>
    lines.flatMap((line): [string, string][] => {
      const [, name, rest] = new RegExp(`^# ${keyword} (\\S+) (.*)$`).exec(line) ?? [];
      return name === undefined || rest === undefined ? [] : [[name, rest]];
    });
  const of = (name: string): readonly Sample[] => samples.filter((sample) => sample.name === name);
  return {
    samples,
    types: new Map(comments('TYPE')),
    helped: new Set(comments('HELP').flatMap(([name, help]) => (help.includes(' ') ? [name] : []))),
    bytes: Buffer.byteLength(text),
    value: (name, labels = {}) =>
      of(name).find(
        (sample) =>
          Object.keys(sample.labels).length === Object.keys(labels).length &&
          Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      )?.value,
    by: (name, label) => Object.fromEntries(of(name).map((sample) => [sample.labels[label] ?? '', sample.value])),
  };
}

function parseSample(line: string): Sample {
  const [, name, labels = '', value] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`no sample: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, label, text]) => [label ?? '', text ?? ''])),
    value: value === '+Inf' ? Infinity : Number(value),
  };
}

/** All that prom-client's defaults can have: kinds of collections, spaces of the heap, and types of what Node.js waits for. */
const NODE_SERIES = 115;
/** What any app answers beside what its routes declare. */
const ALWAYS = [204, 304, 400, 401, 404, 405, 413, 415, 422, 500, 503];

/**
 * The most series that a pod can ever have. All but the requests' and Node's are there from the start; requests have series for
 * `kinds` of them, and for what has no room one by status.
 */
export function mostSeries(
  { samples, types }: Scrape,
  requests: { readonly kinds: number; readonly statuses: readonly number[] },
): number {
  const family = ({ name }: Sample): string => name.replace(/_(bucket|sum|count)$/, '');
  const own = samples.filter((sample) => !/^(nodejs|process|http)_/.test(sample.name));
  const buckets = 4;
  const statuses = new Set([...ALWAYS, ...requests.statuses]);
  const ofRequests = types.has('http_request_duration_seconds') ? requests.kinds + statuses.size : 0;
  if (own.some((sample) => !types.has(family(sample)) && !types.has(sample.name)))
    throw new Error('a sample without type');
  return NODE_SERIES + own.length + ofRequests * (buckets + 3);
}
