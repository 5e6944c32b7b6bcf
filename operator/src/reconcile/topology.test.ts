import { describe, expect, it } from '@jest/globals';
import * as contracts from '../../../packages/contracts/src/topology.ts';
import { bindings, EXCHANGE, permissions, policies, queues } from './topology.ts';

describe('the topology', () => {
  it('[OC24] is the one that the services know', () => {
    expect(EXCHANGE).toBe(contracts.EXCHANGE);
    expect(queues).toEqual(contracts.queues.map(({ name, arguments: args }) => ({ name, arguments: args })));
    expect(bindings).toEqual(contracts.bindings.map(({ queue, routingKey }) => ({ queue, routingKey })));
    expect(policies).toEqual(
      contracts.policies.map(({ name, pattern, priority, definition }) => ({ name, pattern, priority, definition })),
    );
  });

  it('[OC23] lets no service make or delete what is durable', () => {
    for (const { configure } of Object.values(permissions)) {
      for (const name of [EXCHANGE, ...queues.map((queue) => queue.name)])
        expect(new RegExp(configure).test(name)).toBe(false);
    }
    expect(new RegExp(permissions.realtime.configure).test('realtime.abc')).toBe(true);
    expect(new RegExp(permissions.notification.write).test('amq.default')).toBe(true);
    expect(new RegExp(permissions.notification.read).test('notifications.dead')).toBe(false);
  });
});
