/** NetworkPolicies from the table of who talks to whom; whatever is not in it is refused. */
import { serviceNames, storeNames } from '../api/types.ts';
import type { ServiceName, StoreName } from '../api/types.ts';
import { child } from './child.ts';
import { peers } from './environment.ts';
import type { Role } from './labels.ts';
import { selectorOf } from './labels.ts';
import { serviceName, storeName, storeUsers } from './names.ts';
import { roleOf } from './store.ts';
import type { DesiredInput, Manifest } from './types.ts';

type Rule = Record<string, unknown>;

const operatorPods = {
  namespaceSelector: {},
  podSelector: { matchLabels: { 'app.kubernetes.io/name': 'collabeditor-operator' } },
};

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
    policy(input, `${resource.metadata.name}-migrations`, 'migrations', 'migration', {
      ingress: [],
      egress: [dns, toStore(input, 'postgres')],
    }),
  ];
}

function serviceIngress(input: DesiredInput, service: ServiceName): Rule[] {
  const { resource } = input;
  const rules = [telemetry];
  if (service !== 'notification') {
    const from = resource.spec.exposure.ingress.controllerNamespaceSelector;
    rules.push({ ports: ports(8080), ...(from === undefined ? {} : { from: [{ namespaceSelector: { ...from } }] }) });
  }
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
