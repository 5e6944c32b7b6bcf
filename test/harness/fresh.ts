/** A database and a vhost of one's own on the stores that the run's global setup started. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { bindings, exchanges, policies, queues } from '@collabeditor/contracts';

export interface FreshDatabase extends AsyncDisposable {
  /** URI whose search_path is the schema. */
  readonly url: string;
}

/** Makes an empty database with one empty schema, named as the service names it. */
export async function freshDatabase(schema: string): Promise<FreshDatabase> {
  const admin = requiredEnv('COLLAB_TEST_DATABASE_URL');
  const database = `test_${randomBytes(6).toString('hex')}`;
  await withClient(admin, (client) => client.query(`CREATE DATABASE ${database}`));
  const url = new URL(admin);
  url.pathname = `/${database}`;
  await withClient(url.href, (client) => client.query(`CREATE SCHEMA ${schema}`));
  url.searchParams.set('options', `-csearch_path=${schema}`);
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => withClient(admin, (client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`)),
  };
}

async function withClient(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

export interface FreshVhost extends AsyncDisposable {
  readonly amqpUrl: string;
  /** Base URL of the management API, with the administrator's name and password. */
  readonly managementUrl: string;
  readonly vhost: string;
}

/** Makes a vhost with the durable topology that the operator declares on a cluster. */
export async function freshVhost(): Promise<FreshVhost> {
  const managementUrl = requiredEnv('COLLAB_TEST_RABBIT_MANAGEMENT_URL');
  const vhost = `test-${randomBytes(6).toString('hex')}`;
  await manage(managementUrl, 'PUT', `/vhosts/${vhost}`);
  await declareTopology(managementUrl, vhost);
  const amqp = new URL(requiredEnv('COLLAB_TEST_AMQP_URL'));
  amqp.pathname = `/${vhost}`;
  return {
    amqpUrl: amqp.href,
    managementUrl,
    vhost,
    [Symbol.asyncDispose]: () => manage(managementUrl, 'DELETE', `/vhosts/${vhost}`),
  };
}

/** Declares exchange, queues, bindings and policies; what is there already stays. */
export async function declareTopology(managementUrl: string, vhost: string): Promise<void> {
  const at = encodeURIComponent(vhost);
  for (const { name, type, durable } of exchanges) {
    await manage(managementUrl, 'PUT', `/exchanges/${at}/${name}`, { type, durable });
  }
  for (const { name, durable, arguments: args } of queues) {
    await manage(managementUrl, 'PUT', `/queues/${at}/${name}`, { durable, arguments: args });
  }
  for (const { exchange, queue, routingKey } of bindings) {
    await manage(managementUrl, 'POST', `/bindings/${at}/e/${exchange}/q/${queue}`, { routing_key: routingKey });
  }
  for (const { name, pattern, definition, applyTo, priority } of policies) {
    await manage(managementUrl, 'PUT', `/policies/${at}/${name}`, {
      pattern,
      definition,
      priority,
      'apply-to': applyTo,
    });
  }
}

async function manage(base: string, method: string, path: string, body?: unknown): Promise<void> {
  const url = new URL(`/api${path}`, base);
  const authorization = `Basic ${btoa(`${url.username}:${url.password}`)}`;
  url.username = url.password = '';
  const response = await fetch(url, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
}

function requiredEnv(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new Error(`${name} is not set: run this through the integration project (npm run test:integration)`);
  return value;
}
