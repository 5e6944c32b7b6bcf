import { imageOf, rolloutVersion } from '../api/release.ts';
import { serviceNames, storeNames } from '../api/types.ts';
import type { ServiceName } from '../api/types.ts';
import { replicasOf } from './autoscaling.ts';
import { child } from './child.ts';
import { containerResources } from './container-resources.ts';
import { caPath, gracePeriodSeconds, hasCa, secretKeysOf, serviceEnv, signingKeysPath } from './environment.ts';
import { secretsAnnotation, secretsHash } from './hash.ts';
import { labelsOf, selectorOf } from './labels.ts';
import { scrapeAnnotations, telemetryPort } from './monitoring.ts';
import { serviceName, signingKeysName, storeUsers } from './names.ts';
import { restrictedContainer, restrictedPod, serviceUid, temporaryFiles, temporaryMount } from './pod.ts';
import type { DesiredInput, Manifest } from './types.ts';

/** The four Deployments. */
export function deployments(input: DesiredInput): Manifest[] {
  return serviceNames.map((service) => deployment(input, service));
}

function deployment(input: DesiredInput, service: ServiceName): Manifest {
  const { resource } = input;
  const component = `${service}-service`;
  const labels = { 'app.kubernetes.io/version': rolloutVersion(resource.spec, input.release) };
  const about = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: serviceName(resource, service),
    component,
    role: 'service',
    labels,
  } as const;
  return child(resource, about, {
    spec: {
      ...replicasOf(input, service),
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorOf(resource, component) },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: { ...labelsOf(resource, component, 'service'), ...labels },
          annotations: {
            ...scrapeAnnotations(input, telemetryPort),
            [secretsAnnotation]: secretsHash(input.facts, secretKeysOf(input, service)),
          },
        },
        spec: podSpec(input, service),
      },
    },
  });
}

function podSpec(input: DesiredInput, service: ServiceName) {
  const { resource } = input;
  const { nodeSelector, tolerations, affinity, topologySpreadConstraints } = resource.spec.services[service];
  return {
    ...restrictedPod(resource, serviceUid, serviceName(resource, service)),
    terminationGracePeriodSeconds: gracePeriodSeconds(input, service),
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(tolerations === undefined ? {} : { tolerations }),
    ...(affinity === undefined ? {} : { affinity }),
    topologySpreadConstraints: topologySpreadConstraints ?? [spreadOverNodes(input, service)],
    containers: [container(input, service)],
    volumes: [temporaryFiles, ...files(input, service).map(({ volume }) => volume)],
  };
}

function container(input: DesiredInput, service: ServiceName) {
  const { spec } = input.resource;
  return {
    name: service,
    image: imageOf(spec, input.release, service),
    imagePullPolicy: spec.images.pullPolicy,
    command: ['node', 'dist/main.mjs'],
    env: serviceEnv(input, service),
    ports: containerPorts(service),
    securityContext: restrictedContainer,
    resources: containerResources(service, spec.services[service].resources),
    volumeMounts: [temporaryMount, ...files(input, service).map(({ mount }) => mount)],
    startupProbe: probe('/healthz', { periodSeconds: 1, failureThreshold: 60 }),
    readinessProbe: probe('/readyz', { periodSeconds: 5, failureThreshold: 2 }),
    livenessProbe: probe('/healthz', { periodSeconds: 10, failureThreshold: 6 }),
  };
}

/** The notification service has no route for anyone: it only tells about itself. */
export function containerPorts(service: ServiceName) {
  const telemetry = { name: 'telemetry', containerPort: telemetryPort, protocol: 'TCP' };
  if (service === 'notification') return [telemetry];
  return [
    { name: 'http', containerPort: 8080, protocol: 'TCP' },
    { name: 'internal', containerPort: 8081, protocol: 'TCP' },
    telemetry,
  ];
}

function probe(path: string, timing: { periodSeconds: number; failureThreshold: number }) {
  return { httpGet: { path, port: 'telemetry' }, timeoutSeconds: 3, ...timing };
}

function spreadOverNodes({ resource }: DesiredInput, service: ServiceName) {
  return {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorOf(resource, `${service}-service`) },
  };
}

interface MountedFile {
  volume: Record<string, unknown>;
  mount: { name: string; mountPath: string; readOnly: true };
}

/** Secrets that a service reads as files: the signing keys, CA certificates of external stores. */
function files(input: DesiredInput, service: ServiceName): MountedFile[] {
  const mounted: MountedFile[] = [];
  if (service === 'user') {
    const secret = { secretName: signingKeysName(input.resource), defaultMode: 0o440 };
    mounted.push(file('signing-keys', { secret }, signingKeysPath));
  }
  const certificates = storeNames.filter((store) => storeUsers[store].includes(service) && hasCa(input, store));
  if (certificates.length > 0) mounted.push(file('ca', caVolume(input, certificates), caPath));
  return mounted;
}

/** CA certificates of external stores as `<store>.crt`. */
export function caVolume({ resource }: DesiredInput, stores: readonly (typeof storeNames)[number][]) {
  const sources = stores.map((store) => ({
    secret: { name: resource.spec[store].external?.secretName ?? '', items: [{ key: 'ca.crt', path: `${store}.crt` }] },
  }));
  return { projected: { defaultMode: 0o444, sources } };
}

function file(name: string, source: Record<string, unknown>, mountPath: string): MountedFile {
  return { volume: { name, ...source }, mount: { name, mountPath, readOnly: true } };
}
