import type { ResolvedSpec, ServiceName } from '../api/types.ts';
import { child } from './child.ts';
import { ingressName, routeName, serviceName, telemetryName } from './names.ts';
import { isManaged, programPort } from './telemetry.ts';
import type { DesiredInput, Facts, Manifest } from './types.ts';

interface Route {
  path: string;
  /** Name of the Service; its port is called `http`. */
  backend: string;
  port: number;
}

/** The front door: who answers below which path. Longer paths win. */
function routes({ resource }: DesiredInput): Route[] {
  const to = (path: string, service: ServiceName) => ({ path, backend: serviceName(resource, service), port: 8080 });
  const grafana = { path: '/grafana', backend: telemetryName(resource, 'grafana'), port: programPort('grafana') };
  return [
    to('/auth', 'user'),
    to('/documents', 'document'),
    to('/ws', 'realtime'),
    ...(isManaged(resource.spec, 'grafana') ? [grafana] : []),
    to('/', 'document'),
  ];
}

/** URL of the environment, or null while its address is unknown. */
export function publicUrl(spec: ResolvedSpec, facts: Pick<Facts, 'address'>): string | null {
  const { type, host, ingress } = spec.exposure;
  const name = host ?? (type === 'None' ? null : facts.address);
  if (name === null) return null;
  const scheme = type !== 'None' && ingress.tlsSecretName === undefined ? 'http' : 'https';
  return `${scheme}://${name.includes(':') ? `[${name}]` : name}`;
}

/** Ingress or HTTPRoute. */
export function exposure(input: DesiredInput): Manifest[] {
  const { type } = input.resource.spec.exposure;
  if (type === 'Ingress') return [ingress(input)];
  return type === 'Gateway' && input.facts.installed.httpRoute ? [httpRoute(input)] : [];
}

function ingress(input: DesiredInput): Manifest {
  const { resource } = input;
  const { host, ingress: details } = resource.spec.exposure;
  const about = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    name: ingressName(resource),
    component: 'ingress',
    role: 'environment',
    ...(details.annotations === undefined ? {} : { annotations: details.annotations }),
  } as const;
  const paths = routes(input).map(({ path, backend }) => ({
    path,
    pathType: 'Prefix',
    backend: { service: { name: backend, port: { name: 'http' } } },
  }));
  return child(resource, about, {
    spec: {
      ...(details.className === undefined ? {} : { ingressClassName: details.className }),
      rules: [{ ...(host === undefined ? {} : { host }), http: { paths } }],
      ...(details.tlsSecretName === undefined
        ? {}
        : { tls: [{ ...(host === undefined ? {} : { hosts: [host] }), secretName: details.tlsSecretName }] }),
    },
  });
}

function httpRoute(input: DesiredInput): Manifest {
  const { resource } = input;
  const { host, gateway } = resource.spec.exposure;
  const about = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    name: routeName(resource),
    component: 'route',
    role: 'environment',
  } as const;
  return child(resource, about, {
    spec: {
      parentRefs: gateway.parentRefs.map((parent) => ({ ...parent })),
      ...(host === undefined ? {} : { hostnames: [host] }),
      rules: routes(input).map(({ path, backend, port }) => ({
        matches: [{ path: { type: 'PathPrefix', value: path } }],
        backendRefs: [{ name: backend, port }],
      })),
    },
  });
}
