import { PercentUnit, RequestsPerSecond, Seconds } from '@grafana/grafana-foundation-sdk/units';
import type { Row } from '../board.ts';
import { lines, table } from '../panels.ts';
import { of, quantile, rate } from '../selectors.ts';

const chosen = 'component=~"$component"';
const requests = of('http_request_duration_seconds_count', chosen);
const durations = of('http_request_duration_seconds_bucket', `${chosen}, route!~"/ws/.*"`);

/** Rate, errors and duration of requests, by service. */
export const requestsRow: Row = {
  title: 'Requests by service',
  panels: [
    lines(
      { title: 'Requests', description: 'Requests a second, those between services and WebSocket upgrades included.' },
      [{ expr: `sum by (component) (${rate(requests)})`, legend: '{{component}}' }],
      { unit: RequestsPerSecond, min: 0 },
    ),
    lines(
      {
        title: 'Errors',
        description:
          'Share of requests answered with 5xx. Normal: 0; 503 tells that a store or another service is away.',
      },
      [{ expr: errorShare(), legend: '{{component}}' }],
      { unit: PercentUnit, min: 0, limits: [[0.001, 'red']] },
    ),
    lines(
      {
        title: 'Duration',
        description:
          'Median and 99th percentile of requests, without WebSockets. Normal: p99 below 250 ms; logins are slower by design.',
      },
      [0.5, 0.99].map((q) => ({ expr: quantile(q, durations, ['component']), legend: `{{component}} p${q * 100}` })),
      { unit: Seconds, min: 0 },
    ),
    lines(
      {
        title: 'Answers by status',
        description: 'Requests a second by the status of their answer. 4xx are the callers’ mistakes.',
      },
      [{ expr: `sum by (status) (${rate(requests)})`, legend: '{{status}}' }],
      { unit: RequestsPerSecond, min: 0, stacked: true, width: 12 },
    ),
    table(
      {
        title: 'Slowest routes',
        description: 'The ten routes with the greatest 95th percentile over the range that is shown.',
      },
      {
        expr: `topk(10, ${quantile(0.95, durations, ['component', 'method', 'route'], '$__range')} > 0)`,
        legend: '',
      },
      { unit: Seconds, value: 'p95', columns: { component: 'Service', method: 'Method', route: 'Route' } },
    ),
  ],
};

/** A service without an error has no series of errors, but it has requests. */
function errorShare(): string {
  const all = `sum by (component) (${rate(requests)})`;
  const failed = `sum by (component) (${rate(of('http_request_duration_seconds_count', `${chosen}, status=~"5.."`))})`;
  return `(${failed} or 0 * ${all}) / clamp_min(${all}, 1e-9)`;
}
