import { expect, it } from '@jest/globals';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { eventually } from '../../../test/harness/eventually.ts';
import { parseMetrics } from '../../../test/harness/scrape.ts';
import { measureEventLoop, SLEEPING_MONITOR } from './event-loop.ts';

it('[KI95] the delays of the event loop have the names of the library, once, and say when it was held up', async () => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, ...SLEEPING_MONITOR });
  const library = [...parseMetrics(await registry.metrics()).types.keys()];
  using monitor = measureEventLoop(registry);
  expect(monitor).toBeDefined();
  const scrape = async () => parseMetrics(await registry.metrics());
  expect([...(await scrape()).types.keys()].sort()).toEqual(library.sort());
  let longest = 0;
  await eventually(async () => {
    // Ten samples a second: one of them falls into it.
    await new Promise((resolve) => setTimeout(resolve, 150));
    for (const end = performance.now() + 400; performance.now() < end;);
    await new Promise((resolve) => setTimeout(resolve, 150));
    longest = Math.max(longest, (await scrape()).value('nodejs_eventloop_lag_max_seconds') ?? 0);
    expect(longest).toBeGreaterThan(0.15);
  });
  expect((await scrape()).value('nodejs_eventloop_lag_max_seconds')).toBeLessThan(longest);
});
