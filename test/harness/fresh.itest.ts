import { expect, it } from '@jest/globals';
import { Client } from 'pg';
import { bindings, queues } from '@collabeditor/contracts';
import { freshDatabase, freshVhost } from './fresh.ts';

interface Named {
  readonly name: string;
}

async function listed(managementUrl: string, path: string): Promise<readonly unknown[]> {
  const url = new URL(`/api${path}`, managementUrl);
  const authorization = `Basic ${btoa(`${url.username}:${url.password}`)}`;
  url.username = url.password = '';
  const body: unknown = await (await fetch(url, { headers: { authorization } })).json();
  if (!Array.isArray(body)) throw new Error(`${path} is no list`);
  return body as unknown[];
}

it('[HA1, HA3] a vhost has the topology, and is gone afterwards', async () => {
  const vhost = await freshVhost();
  const { managementUrl, vhost: name } = vhost;
  const found = (await listed(managementUrl, `/queues/${name}`)) as readonly Named[];
  expect(found.map((queue) => queue.name).sort()).toEqual(queues.map((queue) => queue.name).sort());
  const bound = (await listed(managementUrl, `/bindings/${name}`)) as readonly { source: string }[];
  expect(bound.filter(({ source }) => source !== '')).toHaveLength(bindings.length);
  await vhost[Symbol.asyncDispose]();
  const vhosts = (await listed(managementUrl, '/vhosts')) as readonly Named[];
  expect(vhosts.map((one) => one.name)).not.toContain(name);
});

it('[HA2, HA3] a database has one schema, and is gone afterwards', async () => {
  const database = await freshDatabase('documents');
  await using client = await connected(database.url);
  const { rows } = await client.query<{ schema: string }>('SELECT current_schema() AS schema');
  expect(rows).toEqual([{ schema: 'documents' }]);
  await database[Symbol.asyncDispose]();
  await expect(connected(database.url)).rejects.toThrow(/does not exist/);
});

async function connected(url: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // dropping the database ends its connections
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
