import { serviceNames } from '../api/types.ts';
import type { ServiceName, ServiceStatus } from '../api/types.ts';
import { serviceName } from '../resources/names.ts';
import type { Observed } from './observed.ts';
import { isCurrent, liveCondition, numberAt } from './read.ts';
import { troubles } from './trouble.ts';
import { no, some, waiting, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** ServicesAvailable: all pods of all four services run as the spec wants them. */
export function servicesAvailable(observed: Observed, now: string): Verdict {
  for (const service of serviceNames) {
    const [trouble] = serviceTroubles(observed, service, now);
    if (trouble !== undefined) return no(trouble.reason, trouble.message);
  }
  const stopped = serviceNames.filter(
    (service) => desiredReplicas(observed, service) === 0 && isThere(observed, service),
  );
  if (stopped.length > 0) {
    return no('ScaledToZero', `${some(stopped.map((service) => `spec.services.${service}.replicas`))} is 0.`);
  }
  const missing = serviceNames.filter((service) => !isAvailable(observed, service));
  if (missing.length === 0) return yes('Available', 'All four services are available.');
  const names = some(missing.map((service) => serviceName(observed.resource, service)));
  if (missing.every((service) => !isThere(observed, service))) return waiting(`Not there yet: Deployment ${names}.`);
  return no('RollingOut', `Not all pods are ready and of the newest revision: Deployment ${names}.`);
}

/** `services[]` of the status. */
export function serviceStatuses(observed: Observed): ServiceStatus[] {
  return serviceNames.map((service) => {
    const live = deployment(observed, service);
    const version = runningVersion(observed, service);
    return {
      name: service,
      ready: numberAt(live, 'status', 'readyReplicas'),
      desired: desiredReplicas(observed, service),
      ...(version === null ? {} : { version }),
    };
  });
}

/** All pods of the service run the newest template and are available. */
export function isAvailable(observed: Observed, service: ServiceName): boolean {
  const live = deployment(observed, service);
  if (live === undefined || !isCurrent(live)) return false;
  const wanted = numberAt(live, 'spec', 'replicas');
  const counts = ['replicas', 'updatedReplicas', 'availableReplicas'].map((field) => numberAt(live, 'status', field));
  return wanted > 0 && counts.every((count) => count === wanted);
}

export function serviceTroubles(observed: Observed, service: ServiceName, now: string) {
  const found = troubles(observed.pods, `${service}-service`, now);
  // Pods that the API server refuses to make (quota, pod security) are told by the Deployment alone.
  const refused = liveCondition(deployment(observed, service), 'ReplicaFailure');
  if (refused?.status !== 'True') return found;
  return [
    ...found,
    { reason: 'PodsRefused', message: `Deployment ${serviceName(observed.resource, service)}: ${refused.message}` },
  ];
}

/** The one release that all pods of a service run, or null. */
function runningVersion(observed: Observed, service: ServiceName): string | null {
  const versions = new Set(
    observed.pods
      .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === `${service}-service`)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.labels?.['app.kubernetes.io/version'] ?? ''),
  );
  const [version = ''] = versions;
  return versions.size === 1 && version !== '' ? version : null;
}

function desiredReplicas(observed: Observed, service: ServiceName): number {
  const live = deployment(observed, service);
  const { autoscaling, replicas } = observed.resource.spec.services[service];
  return autoscaling !== undefined && live !== undefined ? numberAt(live, 'spec', 'replicas') : replicas;
}

function isThere(observed: Observed, service: ServiceName): boolean {
  return deployment(observed, service) !== undefined;
}

function deployment(observed: Observed, service: ServiceName) {
  return observed.children.get(`Deployment/${serviceName(observed.resource, service)}`);
}
