import { expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { parseMetrics } from '../../../test/harness/scrape.ts';
import { requestMetrics } from './request-metrics.ts';

const name = 'http_request_duration_seconds';

async function scrape(registry: Registry) {
  return parseMetrics(await registry.metrics());
}

it('[KI90] requests beyond the series that a service may have are counted under their status alone', async () => {
  const registry = new Registry();
  const requests = requestMetrics(registry, 6);
  let sent = 0;
  for (let route = 0; route < 50; route++) {
    for (const status of [404, 401, 200, 503]) {
      requests.observe({ method: 'GET', route: `/${route}`, status }, 0.2);
      sent++;
    }
  }
  const { samples, value } = await scrape(registry);
  const counts = samples.filter((sample) => sample.name === `${name}_count`);
  expect(counts.reduce((all, one) => all + one.value, 0)).toBe(sent);
  expect(counts).toHaveLength(6 + 4);
  // What was served keeps its series however many mistakes come.
  expect(value(`${name}_count`, { method: 'GET', route: '/0', status: '503' })).toBe(1);
  expect(counts.filter(({ labels }) => labels['route'] !== 'other' && labels['status']?.startsWith('4'))).toHaveLength(
    2,
  );
  expect(value(`${name}_count`, { method: 'OTHER', route: 'other', status: '404' })).toBe(49);
});

it('[KI90] methods that no route has take no more room than mistakes', async () => {
  const registry = new Registry();
  const requests = requestMetrics(registry, 6);
  for (const method of ['HEAD', 'OPTIONS', 'OTHER']) {
    for (let route = 0; route < 9; route++) requests.observe({ method, route: `/${route}`, status: 200 }, 0);
  }
  requests.observe({ method: 'GET', route: '/x', status: 200 }, 0);
  const { samples, value } = await scrape(registry);
  expect(samples.filter((sample) => sample.name === `${name}_count`)).toHaveLength(2 + 1 + 1);
  expect(value(`${name}_count`, { method: 'GET', route: '/x', status: '200' })).toBe(1);
});

it('[KI91] has the bounds of the objectives, and what is shown begins at 0', async () => {
  const registry = new Registry();
  const requests = requestMetrics(registry);
  const labels = { method: 'GET', route: '/x', status: 200 };
  requests.show(labels);
  const written = { method: 'GET', route: '/x', status: '200' };
  expect((await scrape(registry)).value(`${name}_count`, written)).toBe(0);
  for (const seconds of [0.5, 0.6, 1, 1.1]) requests.observe(labels, seconds);
  expect((await scrape(registry)).by(`${name}_bucket`, 'le')).toEqual({
    '0.025': 0,
    '0.1': 0,
    '0.5': 1,
    '1': 3,
    '+Inf': 4,
  });
  expect((await scrape(registry)).value(`${name}_sum`, written)).toBeCloseTo(3.2);
  expect(requestMetrics(registry, 1)).toBe(requests);
});
