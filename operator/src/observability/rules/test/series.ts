/** Series as promtool reads them: one sample each 15 s, the interval of a managed Prometheus. */
const PER_MINUTE = 4;

/** For so many minutes a gauge has the value, or a counter grows by it each minute; null: its target is gone. */
export type Segment = readonly [minutes: number, value: number | null];

/** Samples by series. */
export type Series = Readonly<Record<string, string>>;

export function gauge(...segments: readonly Segment[]): string {
  return segments
    .map(([minutes, value]) => (value === null ? gone(minutes) : `${value}x${minutes * PER_MINUTE - 1}`))
    .join(' ');
}

/** Starts at 0. Two counters one behind the other are a process that was started again. */
export function counter(...segments: readonly Segment[]): string {
  let from = 0;
  return segments
    .map(([minutes, value]) => {
      if (value === null) return gone(minutes);
      const samples = minutes * PER_MINUTE;
      const step = value / PER_MINUTE;
      const values = `${from}+${step}x${samples - 1}`;
      from += step * samples;
      return values;
    })
    .join(' ');
}

/** The sample after the last is a stale marker, as where a target has vanished or a scrape has failed. */
function gone(minutes: number): string {
  const rest = minutes * PER_MINUTE - 1;
  return rest === 0 ? 'stale' : `stale _x${rest}`;
}

export type Labels = Readonly<Record<string, string>>;

export function series(metric: string, labels: Labels): string {
  const matchers = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return `${metric}{${matchers.join(', ')}}`;
}

/** One environment under test, and another that nothing ever happens to. */
export const here = { namespace: 'docs', environment: 'team' } as const;
export const elsewhere = { namespace: 'docs', environment: 'other' } as const;

/** A series of a pod as the scrape labels it. `pod` is the end of its name. */
export function ofPod(metric: string, component: string, labels: Labels = {}, pod = 'a', of: Labels = here): string {
  return series(metric, {
    ...of,
    component,
    pod: `${of['environment'] ?? ''}-${component}-${pod}`,
    job: 'pods',
    instance: `10.0.0.${component.length}:9090`,
    ...labels,
  });
}
