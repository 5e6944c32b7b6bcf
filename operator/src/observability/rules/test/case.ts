import { here, type Labels, type Series } from './series.ts';

/** Series over time, and which alerts fire at some of its minutes: exactly these and no others. */
export interface Case {
  readonly name: string;
  readonly series: Series;
  /** Alerts, as `name/severity`, that this fault would make fire were it longer or larger; they must stay silent. */
  readonly near?: readonly string[];
  readonly firing: Readonly<Record<number, readonly Firing[]>>;
}

export interface Firing extends Labels {
  readonly alertname: string;
  readonly severity: 'critical' | 'warning';
}

export function critical(alertname: string, labels: Labels = here): Firing {
  return { ...labels, alertname, severity: 'critical' };
}

export function warning(alertname: string, labels: Labels = here): Firing {
  return { ...labels, alertname, severity: 'warning' };
}
