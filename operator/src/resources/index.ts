import { autoscalers } from './autoscaling.ts';
import { deployments } from './deployments.ts';
import { disruptionBudgets } from './disruption.ts';
import { exposure } from './exposure.ts';
import { migration } from './migration.ts';
import { monitoring } from './monitoring.ts';
import { networkPolicies } from './network-policies.ts';
import { postgres } from './postgres.ts';
import { rabbitmq } from './rabbitmq.ts';
import { redis } from './redis.ts';
import { secrets } from './secrets.ts';
import { serviceAccounts } from './service-accounts.ts';
import { services } from './services.ts';
import type { Desired, DesiredInput, Manifest } from './types.ts';

/** The children that `input` calls for, grouped in rollout order. Pure. */
export function desired(input: DesiredInput): Desired {
  return {
    secrets: secrets(input),
    base: [...serviceAccounts(input), ...networkPolicies(input)],
    exposure: [...services(input), ...exposure(input)],
    stores: [...postgres(input), ...redis(input), ...rabbitmq(input)],
    migration: migration(input),
    services: [...disruptionBudgets(input), ...deployments(input), ...autoscalers(input)],
    monitoring: monitoring(input),
  };
}

/** All manifests but the Secrets, in rollout order. */
export function manifests({ base, exposure, stores, migration, services, monitoring }: Desired): Manifest[] {
  return [...base, ...exposure, ...stores, ...migration, ...services, ...monitoring];
}

export interface ChildKind {
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: true;
  /** Not every API server has it. */
  optional: boolean;
}

/** Every kind that a child can be of: what is watched and pruned. */
export const childKinds: readonly ChildKind[] = [
  childKind('v1', 'Secret', 'secrets'),
  childKind('v1', 'ServiceAccount', 'serviceaccounts'),
  childKind('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  childKind('v1', 'Service', 'services'),
  childKind('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  childKind('gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes', true),
  childKind('v1', 'ConfigMap', 'configmaps'),
  childKind('apps/v1', 'StatefulSet', 'statefulsets'),
  childKind('batch/v1', 'Job', 'jobs'),
  childKind('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  childKind('apps/v1', 'Deployment', 'deployments'),
  childKind('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  childKind('monitoring.coreos.com/v1', 'PodMonitor', 'podmonitors', true),
];

function childKind(apiVersion: string, kind: string, plural: string, optional = false): ChildKind {
  return { apiVersion, kind, plural, namespaced: true, optional };
}
