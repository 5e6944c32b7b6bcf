import { describe, expect, it } from '@jest/globals';
import { sampleInput } from '../../test/sample.ts';
import { networkPolicies } from './network-policies.ts';

/** The table of who talks to whom (docs/architecture.md): client → server:port. */
const ways = [
  'document-service → user-service:8081',
  'realtime-service → user-service:8081',
  'notification-service → user-service:8081',
  'realtime-service → document-service:8081',
  'document-service → realtime-service:8081',
  ...['user', 'document', 'realtime', 'notification'].map((service) => `${service}-service → postgres:5432`),
  'migrations → postgres:5432',
  ...['user', 'document', 'realtime'].map((service) => `${service}-service → redis:6379`),
  ...['user', 'document', 'realtime', 'notification'].map((service) => `${service}-service → rabbitmq:5672`),
  'collabeditor-operator → postgres:5432',
  'collabeditor-operator → redis:6379',
  'collabeditor-operator → rabbitmq:5672',
  'collabeditor-operator → rabbitmq:15672',
  '* → user-service:8080',
  '* → document-service:8080',
  '* → realtime-service:8080',
  ...['user', 'document', 'realtime', 'notification'].map((service) => `* → ${service}-service:9090`),
  '* → rabbitmq:15692',
];

interface Peer {
  podSelector?: { matchLabels: Record<string, string> };
  namespaceSelector?: unknown;
}
interface Rule {
  ports?: { port: number }[];
  from?: Peer[];
  to?: Peer[];
}
interface Policy {
  podSelector: { matchLabels: Record<string, string> };
  ingress: Rule[];
  egress: Rule[];
}

describe('NetworkPolicies', () => {
  const policies = (spec: Record<string, unknown> = {}) =>
    networkPolicies(sampleInput(spec)).map((manifest) => manifest['spec'] as Policy);

  it('[OR16] let in what the table says and nothing else', () => {
    const allowed = policies().flatMap(({ podSelector, ingress }) =>
      ingress.flatMap(({ ports = [], from }) =>
        ports.flatMap(({ port }) =>
          (from?.map(nameOf) ?? ['*']).map((client) => `${client} → ${nameOf({ podSelector })}:${port}`),
        ),
      ),
    );
    expect(allowed.toSorted()).toEqual(ways.toSorted());
  });

  it('[OR16] let out what the table says, and DNS', () => {
    const allowed = policies().flatMap(({ podSelector, egress }) =>
      egress.flatMap(({ ports = [], to }) =>
        ports.flatMap(({ port }) =>
          (to?.map(nameOf) ?? ['*']).map((server) => `${nameOf({ podSelector })} → ${server}:${port}`),
        ),
      ),
    );
    const inside = ways.filter((way) => !way.startsWith('*') && !way.startsWith('collabeditor-operator'));
    expect([...new Set(allowed)].filter((way) => !way.endsWith('*:53')).toSorted()).toEqual(inside.toSorted());
    for (const { egress } of policies()) expect(JSON.stringify(egress)).toContain('"port":53');
  });

  it('[OR16] open the way to external stores and mail servers, whose addresses are in Secrets', () => {
    const open = (spec: Record<string, unknown>) =>
      policies(spec)
        .filter(({ egress }) => egress.some((rule) => Object.keys(rule).length === 0))
        .map(nameOf);
    expect(open({})).toEqual([]);
    expect(open({ redis: { external: { secretName: 'x' } } })).toEqual([
      'user-service',
      'document-service',
      'realtime-service',
    ]);
    expect(open({ services: { notification: { smtp: { secretName: 'x', from: 'a@b.c' } } } })).toEqual([
      'notification-service',
    ]);
  });

  it('[OR16] narrow the front door to the namespaces of the controller', () => {
    const selector = { matchLabels: { role: 'edge' } };
    const spec = { exposure: { ingress: { controllerNamespaceSelector: selector } } };
    const doors = policies(spec).flatMap(({ ingress }) => ingress.filter(({ ports }) => ports?.[0]?.port === 8080));
    expect(doors).toHaveLength(3);
    for (const { from } of doors) expect(from).toEqual([{ namespaceSelector: selector }]);
  });
});

function nameOf({ podSelector }: Peer): string {
  return podSelector?.matchLabels['app.kubernetes.io/name'] ?? '?';
}
