import { describe, expect, it } from '@jest/globals';
import { allManaged, everyKind, sampleInput } from '../../test/sample.ts';
import { networkPolicies } from './network-policies.ts';
import type { Facts } from './types.ts';

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

/** The same for telemetry that is Managed. */
const telemetryWays = [
  ...['user', 'document', 'realtime', 'notification'].map((service) => `prometheus → ${service}-service:9090`),
  'prometheus → rabbitmq:15692',
  'prometheus → prometheus:9090',
  'prometheus → loki:3100',
  'grafana → prometheus:9090',
  'grafana → loki:3100',
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
  const policies = (spec: Record<string, unknown> = {}, facts: Partial<Facts> = {}) =>
    networkPolicies(sampleInput(spec, facts)).map((manifest) => manifest['spec'] as Policy);
  const letIn = (all: Policy[]) =>
    all.flatMap(({ podSelector, ingress }) =>
      ingress.flatMap(({ ports = [], from }) =>
        ports.flatMap(({ port }) =>
          (from?.map(nameOf) ?? ['*']).map((client) => `${client} → ${nameOf({ podSelector })}:${port}`),
        ),
      ),
    );
  const letOut = (all: Policy[]) =>
    all.flatMap(({ podSelector, egress }) =>
      egress.flatMap(({ ports = [], to }) =>
        ports.flatMap(({ port }) =>
          (to?.map(nameOf) ?? ['*']).map((server) => `${nameOf({ podSelector })} → ${server}:${port}`),
        ),
      ),
    );

  it('[OR16] let in what the table says and nothing else', () => {
    expect(letIn(policies()).toSorted()).toEqual(ways.toSorted());
  });

  it('[OR16] let out what the table says, and DNS', () => {
    const allowed = letOut(policies());
    const inside = ways.filter((way) => !way.startsWith('*') && !way.startsWith('collabeditor-operator'));
    expect([...new Set(allowed)].filter((way) => !way.endsWith('*:53')).toSorted()).toEqual(inside.toSorted());
    for (const { egress } of policies()) expect(JSON.stringify(egress)).toContain('"port":53');
  });

  it('[OR16] let telemetry flow where it is Managed', () => {
    const openDoors = [...ways.filter((way) => way.startsWith('*')), '* → grafana:3000'];
    const intoPods = telemetryWays.filter((way) => !openDoors.includes(way.replace(/^\S+/, '*')));
    const brought = 'collabeditor-collector → loki:3100';
    const before = letIn(policies());
    const added = letIn(policies(allManaged)).filter((way) => !before.includes(way));
    expect(added.toSorted()).toEqual([...intoPods, brought, '* → grafana:3000'].toSorted());
    const outBefore = letOut(policies());
    const out = letOut(policies(allManaged)).filter((way) => !outBefore.includes(way) && !way.endsWith('*:53'));
    const apiServer = [443, 6443, 8443, 16443].map((port) => `prometheus → *:${port}`);
    expect(out.toSorted()).toEqual([...telemetryWays, ...apiServer].toSorted());
    const logsOnly = letIn(policies({ observability: { logs: 'Managed' } })).filter((way) => way.includes('loki'));
    expect(logsOnly).toEqual([brought]);
  });

  it('[OR16] let the collector in from its own namespace alone, and the grafana-operator’s Grafanas where it is installed', () => {
    const clientsOf = (component: string, facts: Partial<Facts> = {}) =>
      policies(allManaged, facts).find((policy) => nameOf(policy) === component)?.ingress[0]?.from;
    expect(clientsOf('loki')).toContainEqual({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'collabeditor-logs' } },
      podSelector: { matchLabels: { 'app.kubernetes.io/name': 'collabeditor-collector' } },
    });
    const foreign = { podSelector: { matchLabels: { 'app.kubernetes.io/managed-by': 'grafana-operator' } } };
    for (const component of ['loki', 'prometheus']) {
      expect(clientsOf(component)).not.toContainEqual(foreign);
      expect(clientsOf(component, { installed: everyKind })).toContainEqual(foreign);
    }
  });

  it('[OR16] open the port of the Alertmanager', () => {
    const out = (alertmanagerURL: string) =>
      letOut(policies({ observability: { metrics: { type: 'Managed', alertmanagerURL } } }));
    expect(out('http://alerts:9093/x')).toContain('prometheus → *:9093');
    expect(out('http://alerts')).toContain('prometheus → *:80');
    expect(out('https://alerts')).toContain('prometheus → *:443');
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
    const doors = policies({ ...spec, ...allManaged }).flatMap(({ ingress }) =>
      ingress.filter(({ ports }) => [8080, 3000].includes(ports?.[0]?.port ?? 0)),
    );
    expect(doors).toHaveLength(4);
    for (const { from } of doors) expect(from).toEqual([{ namespaceSelector: selector }]);
  });
});

function nameOf({ podSelector }: Peer): string {
  return podSelector?.matchLabels['app.kubernetes.io/name'] ?? '?';
}
