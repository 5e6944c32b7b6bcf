/** How many series the document service may have. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { documentPeerRoutes, documentRoutes } from '@collabeditor/contracts';
import { freshDatabase, freshVhost, type FreshDatabase, type FreshVhost } from '../../../test/harness/fresh.ts';
import { mostSeries, scrape } from '../../../test/harness/scrape.ts';
import { startWorld, type World } from '../test/world.ts';

let database: FreshDatabase;
let vhost: FreshVhost;
let world: World;

beforeAll(async () => {
  [database, vhost] = await Promise.all([freshDatabase('documents'), freshVhost()]);
  world = await startWorld(database.url, vhost.amqpUrl);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await vhost[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

it('[DO50] has no more than 500 series, and counts each request once', async () => {
  const ada = await world.person();
  const id = await world.document(ada, 'Title', 'text');
  const before = await sum();
  const routes = [...Object.values(documentRoutes), ...Object.values(documentPeerRoutes)];
  let asked = 0;
  for (const { path } of routes) {
    const real = path.replaceAll(/\{\w+\}/g, id);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'OPTIONS']) {
      const body = method === 'GET' || method === 'OPTIONS' ? undefined : {};
      await ada.call(method, real, body);
      await world.send(method, `${world.service.publicUrl}${real}`, body);
      asked += 2;
    }
  }
  for (let path = 0; path < 100; path++) await world.send('GET', `${world.service.publicUrl}/documents/x/${path}`);
  asked += 100;
  const seen = await scrape(world.service.telemetryUrl);
  const statuses = routes.flatMap(({ answers }) => Object.keys(answers).map(Number));
  expect(seen.samples.length).toBeLessThanOrEqual(mostSeries(seen, { kinds: 34, statuses }));
  expect(mostSeries(seen, { kinds: 34, statuses })).toBeLessThanOrEqual(500);
  expect((await sum()) - before).toBe(asked);

  async function sum(): Promise<number> {
    const { samples } = await scrape(world.service.telemetryUrl);
    return samples
      .filter(({ name }) => name === 'http_request_duration_seconds_count')
      .reduce((all, { value }) => all + value, 0);
  }
});
