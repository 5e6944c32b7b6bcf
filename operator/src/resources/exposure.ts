import type { ResolvedSpec, ServiceName } from '../api/types.ts';
import { child } from './child.ts';
import { ingressName, routeName, serviceName } from './names.ts';
import type { DesiredInput, Facts, Manifest } from './types.ts';

/** The front door: which service answers below which path. Longer paths win. */
const routes: readonly { path: string; service: ServiceName }[] = [
  { path: '/auth', service: 'user' },
  { path: '/documents', service: 'document' },
  { path: '/ws', service: 'realtime' },
  { path: '/', service: 'document' },
];

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

function ingress({ resource }: DesiredInput): Manifest {
  const { host, ingress: details } = resource.spec.exposure;
  const about = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    name: ingressName(resource),
    component: 'ingress',
    role: 'environment',
    ...(details.annotations === undefined ? {} : { annotations: details.annotations }),
  } as const;
  const paths = routes.map(({ path, service }) => ({
    path,
    pathType: 'Prefix',
    backend: { service: { name: serviceName(resource, service), port: { name: 'http' } } },
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

function httpRoute({ resource }: DesiredInput): Manifest {
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
      rules: routes.map(({ path, service }) => ({
        matches: [{ path: { type: 'PathPrefix', value: path } }],
        backendRefs: [{ name: serviceName(resource, service), port: 8080 }],
      })),
    },
  });
}
