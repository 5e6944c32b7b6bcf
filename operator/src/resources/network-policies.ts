/** NetworkPolicies from the table of who talks to whom; whatever is not in it is refused. */
import { serviceNames, storeNames, telemetryPrograms } from '../api/types.ts';
import type { ServiceName, StoreName, TelemetryProgram } from '../api/types.ts';
import { child } from './child.ts';
import { peers } from './environment.ts';
import type { Role } from './labels.ts';
import { selectorOf } from './labels.ts';
import { serviceName, storeName, storeUsers, telemetryName } from './names.ts';
import { roleOf } from './store.ts';
import { isManaged, programPort } from './telemetry.ts';
import type { DesiredInput, Manifest } from './types.ts';

type Rule = Record<string, unknown>;

const operatorPods = {
  namespaceSelector: {},
  podSelector: { matchLabels: { 'app.kubernetes.io/name': 'collabeditor-operator' } },
};

/** `config/logs`. A label alone anybody could wear who may make a pod anywhere. */
const collectorPods = {
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'collabeditor-logs' } },
  podSelector: { matchLabels: { 'app.kubernetes.io/name': 'collabeditor-collector' } },
};

/** A Grafana of the grafana-operator in this namespace: it is given the data sources. */
const foreignGrafana = { podSelector: { matchLabels: { 'app.kubernetes.io/managed-by': 'grafana-operator' } } };

const storePorts: Readonly<Record<StoreName, number[]>> = { postgres: [5432], redis: [6379], rabbitmq: [5672] };
const adminPorts: Readonly<Record<StoreName, number[]>> = { postgres: [5432], redis: [6379], rabbitmq: [5672, 15672] };

/** One policy per component. */
export function networkPolicies(input: DesiredInput): Manifest[] {
  const { resource } = input;
  return [
    ...serviceNames.map((service) => {
      const rules = { ingress: serviceIngress(input, service), egress: serviceEgress(input, service) };
      return policy(input, serviceName(resource, service), `${service}-service`, 'service', rules);
    }),
    ...storeNames
      .filter((store) => resource.spec[store].managed !== undefined)
      .map((store) =>
        policy(input, storeName(resource, store), store, roleOf(store), {
          ingress: storeIngress(input, store),
          egress: [dns],
        }),
      ),
    ...telemetryPrograms
      .filter((program) => isManaged(resource.spec, program))
      .map((program) =>
        policy(input, telemetryName(resource, program), program, 'monitoring', {
          ingress: telemetryIngress(input, program),
          egress: [dns, ...telemetryEgress(input, program)],
        }),
      ),
    policy(input, `${resource.metadata.name}-migrations`, 'migrations', 'migration', {
      ingress: [],
      egress: [dns, toStore(input, 'postgres')],
    }),
  ];
}

function serviceIngress(input: DesiredInput, service: ServiceName): Rule[] {
  const rules = [telemetry];
  if (service !== 'notification') rules.push(frontDoor(input, 8080));
  const { accepts } = peers[service];
  if (accepts.length > 0)
    rules.push({ ports: ports(8081), from: accepts.map((peer) => pods(input, `${peer}-service`)) });
  return rules;
}

function serviceEgress(input: DesiredInput, service: ServiceName): Rule[] {
  const { resource } = input;
  const rules: Rule[] = [dns];
  for (const store of storeNames) {
    if (storeUsers[store].includes(service)) rules.push(toStore(input, store));
  }
  const { calls } = peers[service];
  if (calls.length > 0) rules.push({ ports: ports(8081), to: calls.map((peer) => pods(input, `${peer}-service`)) });
  // The mail server is named in a Secret, so neither its address nor its port is known here.
  if (service === 'notification' && resource.spec.services.notification.smtp !== undefined) rules.push({});
  return rules;
}

/** RabbitMQ shows its metrics on 15692. */
function storeIngress(input: DesiredInput, store: StoreName): Rule[] {
  const clients = storeUsers[store].map((service) => pods(input, `${service}-service`));
  if (store === 'postgres') clients.push(pods(input, 'migrations'));
  return [
    { ports: ports(...storePorts[store]), from: clients },
    { ports: ports(...adminPorts[store]), from: [operatorPods] },
    ...(store === 'rabbitmq' ? [{ ports: ports(15692) }] : []),
  ];
}

/** An external store's address is in a Secret: everything is allowed that the URI may name. */
function toStore(input: DesiredInput, store: StoreName): Rule {
  if (input.resource.spec[store].managed === undefined) return {};
  return { ports: ports(...storePorts[store]), to: [pods(input, store)] };
}

/** Whoever reads the environment's own telemetry, and the collector, which brings it lines. Nobody else has business there: they ask for no password. */
function telemetryIngress(input: DesiredInput, program: TelemetryProgram): Rule[] {
  const { resource, facts } = input;
  if (program === 'grafana') return [frontDoor(input, programPort(program))];
  const readers = telemetryPrograms.filter((reader) => reader !== 'loki' && isManaged(resource.spec, reader));
  const from = [
    ...readers.map((reader) => pods(input, reader)),
    ...(facts.installed.grafanaDatasource ? [foreignGrafana] : []),
    ...(program === 'loki' ? [collectorPods] : []),
  ];
  return [{ ports: ports(programPort(program)), from }];
}

function telemetryEgress(input: DesiredInput, program: TelemetryProgram): Rule[] {
  const { resource } = input;
  const to = (others: readonly TelemetryProgram[]) =>
    others
      .filter((other) => isManaged(resource.spec, other))
      .map((other) => ({ ports: ports(programPort(other)), to: [pods(input, other)] }));
  switch (program) {
    case 'loki':
      return [];
    case 'grafana':
      return to(['prometheus', 'loki']);
    case 'prometheus':
      return [
        { ports: ports(9090), to: serviceNames.map((service) => pods(input, `${service}-service`)) },
        ...(resource.spec.rabbitmq.managed === undefined
          ? []
          : [{ ports: ports(15692), to: [pods(input, 'rabbitmq')] }]),
        ...to(['prometheus', 'loki']),
        apiServer,
        ...alertmanager(input),
      ];
  }
}

/** No selector finds an API server, and behind its Service it listens on a port of the distribution's choice. */
const apiServer: Rule = { ports: ports(443, 6443, 8443, 16443) };

/** A name is no selector either, so its port is open to everywhere. */
function alertmanager({ resource }: DesiredInput): Rule[] {
  const address = resource.spec.observability.metrics.alertmanagerURL;
  if (address === undefined) return [];
  const { port, protocol } = new URL(address);
  return [{ ports: ports(port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)) }];
}

/** From the Ingress controller, wherever it is. */
function frontDoor({ resource }: DesiredInput, port: number): Rule {
  const from = resource.spec.exposure.ingress.controllerNamespaceSelector;
  return { ports: ports(port), ...(from === undefined ? {} : { from: [{ namespaceSelector: { ...from } }] }) };
}

/** Prometheus and the operator may be anywhere; kubelets' probes too. */
const telemetry: Rule = { ports: ports(9090) };

const dns: Rule = {
  ports: [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ],
};

function ports(...numbers: number[]) {
  return numbers.map((port) => ({ port, protocol: 'TCP' }));
}

function pods({ resource }: DesiredInput, component: string): Rule {
  return { podSelector: { matchLabels: selectorOf(resource, component) } };
}

function policy(
  input: DesiredInput,
  name: string,
  component: string,
  role: Role,
  rules: { ingress: Rule[]; egress: Rule[] },
): Manifest {
  const about = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', name, component, role };
  return child(input.resource, about, {
    spec: {
      podSelector: { matchLabels: selectorOf(input.resource, component) },
      policyTypes: ['Ingress', 'Egress'],
      ingress: rules.ingress,
      egress: rules.egress,
    },
  });
}
