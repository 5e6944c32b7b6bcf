import type { Alert, PrometheusApi } from './telemetry.ts';
import { until } from './wait.ts';

/** An alert as it is waited for. */
export interface Expected {
  readonly alert: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly from: PrometheusApi;
}

interface Row {
  readonly fault: string;
  readonly name: string;
  fired: number;
  resolved: number;
}

/** Faults and the alerts that told of them, with the seconds from fault to alert and from repair to silence. */
export class AlertLog {
  readonly #rows: Row[] = [];

  /** Waits until each of the alerts fires. */
  async fires(fault: string, since: number, expected: readonly Expected[], deadlineMs = 420_000): Promise<void> {
    const wait = async (one: Expected): Promise<void> => {
      const found = await until(`${nameOf(one)} to fire`, async () => (await firing(one))[0], deadlineMs, 2_000);
      for (const annotation of ['summary', 'description', 'runbook_url']) {
        if ((found.annotations[annotation] ?? '') === '') throw new Error(`${nameOf(one)} has no ${annotation}`);
      }
      this.#rows.push({ fault, name: nameOf(one), fired: secondsSince(since), resolved: Number.NaN });
    };
    await Promise.all(expected.map(wait));
  }

  /** Waits until none of the alerts fires. */
  async resolves(fault: string, since: number, expected: readonly Expected[], deadlineMs = 420_000): Promise<void> {
    const wait = async (one: Expected): Promise<void> => {
      await until(
        `${nameOf(one)} to resolve`,
        async () => ((await firing(one)).length === 0 ? true : undefined),
        deadlineMs,
        2_000,
      );
      const row = this.#rows.find((candidate) => candidate.fault === fault && candidate.name === nameOf(one));
      if (row) row.resolved = secondsSince(since);
    };
    await Promise.all(expected.map(wait));
  }

  table(): string[] {
    return [
      '| fault | alert | fired after | resolved after |',
      '| --- | --- | --- | --- |',
      ...this.#rows.map(({ fault, name, fired, resolved }) => `| ${fault} | ${name} | ${fired} s | ${resolved} s |`),
    ];
  }
}

async function firing({ alert, labels = {}, from }: Expected): Promise<Alert[]> {
  const wanted = Object.entries({ ...labels, alertname: alert });
  return (await from.alerts()).filter(
    (one) => one.state === 'firing' && wanted.every(([label, value]) => one.labels[label] === value),
  );
}

function nameOf({ alert, labels = {} }: Expected): string {
  const details = Object.values(labels).join(', ');
  return details === '' ? alert : `${alert} (${details})`;
}

function secondsSince(start: number): number {
  return Math.round((performance.now() - start) / 1000);
}
