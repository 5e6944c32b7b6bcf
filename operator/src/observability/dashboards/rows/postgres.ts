import { BytesIEC, OpsPerSecond, PercentUnit, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import type { Row } from '../board.ts';
import { lines } from '../panels.ts';
import { of, rate } from '../selectors.ts';

/** PostgreSQL as the user service reports it; its replicas all tell of the same server. */
export const postgresRow: Row = {
  title: 'PostgreSQL',
  panels: [
    lines(
      {
        title: 'Connections',
        description:
          'Open connections and how many the server takes. Normal: far below the limit; at the limit services are refused.',
      },
      [
        { expr: `max(${of('collab_postgres_connections')})`, legend: 'open' },
        { expr: `max(${of('collab_postgres_max_connections')})`, legend: 'limit' },
      ],
      { unit: Short, min: 0 },
    ),
    lines(
      {
        title: 'Transactions',
        description: 'Transactions a second. Rollbacks are rare: conflicts that are tried again, and failures.',
      },
      [{ expr: `max by (result) (${rate(of('collab_postgres_transactions_total'))})`, legend: '{{result}}' }],
      { unit: OpsPerSecond, min: 0 },
    ),
    lines(
      {
        title: 'Blocks from the cache',
        description:
          'Share of blocks that were found in memory. Normal: above 99 %; below, the working set is larger than the cache.',
      },
      [
        {
          expr: `1 - max(${blocks('disk')}) / clamp_min(max(${blocks('cache')}) + max(${blocks('disk')}), 1e-9)`,
          legend: 'cache',
        },
      ],
      { unit: PercentUnit, max: 1 },
    ),
    lines(
      {
        title: 'Oldest transaction',
        description:
          'How long the oldest open transaction has been running. Normal: below a second; minutes keep the tables from being cleaned.',
      },
      [{ expr: `max(${of('collab_postgres_oldest_transaction_seconds')})`, legend: 'oldest' }],
      { unit: Seconds, min: 0, limits: [[60, 'orange']] },
    ),
    lines(
      {
        title: 'Deadlocks',
        description: 'Transactions that PostgreSQL ended because they waited for each other. Normal: 0.',
      },
      [{ expr: `max(${rate(of('collab_postgres_deadlocks_total'))})`, legend: 'deadlocks' }],
      { unit: OpsPerSecond, min: 0 },
    ),
    lines(
      {
        title: 'Size',
        description: 'Size of the database. It grows with texts and their history and never shrinks by itself.',
      },
      [{ expr: `max(${of('collab_postgres_size_bytes')})`, legend: 'database' }],
      { unit: BytesIEC, min: 0 },
    ),
    lines(
      {
        title: 'Volume in use',
        description:
          'Share of the volume that is full (managed PostgreSQL only). An alert warns at 85 %; at 100 % the server stops.',
      },
      [
        {
          expr: `1 - max(${of('collab_postgres_volume_available_bytes')}) / max(${of('collab_postgres_volume_size_bytes')})`,
          legend: 'in use',
        },
      ],
      {
        unit: PercentUnit,
        min: 0,
        max: 1,
        width: 24,
        limits: [
          [0.85, 'orange'],
          [0.95, 'red'],
        ],
      },
    ),
  ],
};

function blocks(source: string): string {
  return rate(of('collab_postgres_blocks_total', `source="${source}"`));
}
