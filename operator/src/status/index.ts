import { conditionTypes } from '../api/schema-status.ts';
import type { Condition, ConditionType, Stage, Status } from '../api/types.ts';
import { publicUrl } from '../resources/exposure.ts';
import { degraded } from './degraded.ts';
import { exposed } from './exposed.ts';
import { migrated } from './migrated.ts';
import { monitoringReady } from './monitoring-ready.ts';
import type { Observed } from './observed.ts';
import { secretsReady } from './secrets-ready.ts';
import { isAvailable, servicesAvailable, serviceStatuses } from './services-available.ts';
import { storeReady } from './store-ready.ts';
import { paused, progressing, ready } from './summary.ts';
import type { StageVerdicts } from './summary.ts';
import { topologyReady } from './topology-ready.ts';
import type { Verdict } from './verdict.ts';
import { serviceNames } from '../api/types.ts';

/** The status that `observed` comes to. `now` is RFC 3339 without fractions; it shows only where a condition flips. */
export function statusOf(observed: Observed, now: string): Status {
  const { resource, facts } = observed;
  const services = serviceStatuses(observed);
  const available = serviceNames.filter((service) => isAvailable(observed, service)).length;
  const version = commonVersion(services.map((service) => service.version)) ?? resource.status?.version;
  const url = publicUrl(resource.spec, facts);
  return {
    ...(resource.metadata.generation === undefined ? {} : { observedGeneration: resource.metadata.generation }),
    ...(version === undefined ? {} : { version }),
    ...(url === null ? {} : { url }),
    servicesReady: `${available}/${serviceNames.length}`,
    services,
    ...(resource.spec.paused ? { drift: [...observed.drift] } : {}),
    conditions: conditions(observed, resource.status?.conditions ?? [], now),
  };
}

/** All conditions; a time moves only when its status does. */
export function conditions(observed: Observed, previous: readonly Condition[], now: string): Condition[] {
  const stageVerdicts = verdictsOf(observed, now);
  const verdicts: Record<ConditionType, Verdict> = {
    Ready: ready(stageVerdicts, observed),
    Progressing: progressing(stageVerdicts, observed),
    Degraded: degraded(observed, now),
    Paused: paused(observed),
    ...stageVerdicts,
  };
  return conditionTypes.map((type) => {
    const before = previous.find((condition) => condition.type === type);
    const { status, reason, message } = verdicts[type];
    const { generation } = observed.resource.metadata;
    return {
      type,
      status,
      reason,
      message,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
  });
}

/** A stage is done: the rollout may go on to the next step. */
export function stageDone(of: readonly Condition[], stage: Stage): boolean {
  return of.some(({ type, status }) => type === stage && status === 'True');
}

function verdictsOf(observed: Observed, now: string): StageVerdicts {
  return {
    SecretsReady: secretsReady(observed),
    DatabaseReady: storeReady(observed, 'postgres', now),
    CacheReady: storeReady(observed, 'redis', now),
    BrokerReady: storeReady(observed, 'rabbitmq', now),
    TopologyReady: topologyReady(observed),
    Migrated: migrated(observed, now),
    ServicesAvailable: servicesAvailable(observed, now),
    Exposed: exposed(observed),
    MonitoringReady: monitoringReady(observed, now),
  };
}

/** The release that all services run; while they differ the former one stays. */
function commonVersion(versions: readonly (string | undefined)[]): string | undefined {
  return versions.every((version) => version === versions[0]) ? versions[0] : undefined;
}
