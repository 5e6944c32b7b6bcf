import { strict as assert } from 'node:assert';
import { secret } from './kubernetes.ts';
import { until } from './wait.ts';

/** The broker's management API, as its administrator. */
export interface Management {
  call(method: string, path: string, body?: unknown): Promise<unknown>;
}

export async function management(namespace: string, name: string, host: string): Promise<Management> {
  const { password = '' } = await secret(namespace, `${name}-rabbitmq`);
  const authorization = `Basic ${Buffer.from(`operator:${password}`).toString('base64')}`;
  return {
    async call(method, path, body) {
      const response = await fetch(`http://${host}:15672/api${path}`, {
        method,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(10_000),
      });
      const text = await response.text();
      if (response.status === 404) return undefined;
      assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
      return text === '' ? null : (JSON.parse(text) as unknown);
    },
  };
}

interface Binding {
  readonly source: string;
  readonly destination: string;
  readonly routing_key: string;
  readonly properties_key: string;
}

async function bindingsOf(broker: Management, vhost: string, queue: string): Promise<string[]> {
  const bindings = (await broker.call('GET', `/queues/${vhost}/${queue}/bindings`)) as readonly Binding[] | undefined;
  return (bindings ?? [])
    .filter(({ source }) => source === 'collab.events')
    .map(({ routing_key }) => routing_key)
    .sort();
}

export async function deleteBinding(
  broker: Management,
  vhost: string,
  queue: string,
  routingKey: string,
): Promise<void> {
  const bindings = (await broker.call('GET', `/queues/${vhost}/${queue}/bindings`)) as readonly Binding[];
  const binding = bindings.find(({ source, routing_key }) => source === 'collab.events' && routing_key === routingKey);
  assert.ok(binding, `no binding ${routingKey} of ${queue}`);
  await broker.call(
    'DELETE',
    `/bindings/${vhost}/e/collab.events/q/${queue}/${encodeURIComponent(binding.properties_key)}`,
  );
}

export async function queueIsBack(
  broker: Management,
  vhost: string,
  queue: string,
  keys: readonly string[],
): Promise<void> {
  await until(`queue ${queue} with its bindings`, async () => {
    const bound = await bindingsOf(broker, vhost, queue);
    assert.deepEqual(bound, [...keys].sort());
    return true;
  });
}
