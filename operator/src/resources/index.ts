import { autoscalers } from './autoscaling.ts';
import { dashboards } from './dashboards.ts';
import { deployments } from './deployments.ts';
import { disruptionBudgets } from './disruption.ts';
import { exposure } from './exposure.ts';
import { grafana, grafanaService } from './grafana.ts';
import { loki } from './loki.ts';
import { migration } from './migration.ts';
import { monitoring } from './monitoring.ts';
import { networkPolicies } from './network-policies.ts';
import { postgres } from './postgres.ts';
import { prometheus } from './prometheus.ts';
import { rabbitmq } from './rabbitmq.ts';
import { redis } from './redis.ts';
import { secrets } from './secrets.ts';
import { serviceAccounts } from './service-accounts.ts';
import { services } from './services.ts';
import type { Desired, DesiredInput, Manifest, OptionalKind } from './types.ts';

/** The children that `input` calls for, grouped in rollout order. Pure. */
export function desired(input: DesiredInput): Desired {
  return {
    secrets: secrets(input),
    base: [...serviceAccounts(input), ...networkPolicies(input)],
    exposure: [...services(input), ...grafanaService(input), ...exposure(input)],
    stores: [...postgres(input), ...redis(input), ...rabbitmq(input)],
    migration: migration(input),
    services: [...disruptionBudgets(input), ...deployments(input), ...autoscalers(input)],
    monitoring: [...monitoring(input), ...prometheus(input), ...loki(input), ...dashboards(input), ...grafana(input)],
  };
}

/** All manifests but the Secrets, in rollout order. */
export function manifests({ base, exposure, stores, monitoring, migration, services }: Desired): Manifest[] {
  return [...base, ...exposure, ...stores, ...monitoring, ...migration, ...services];
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
  childKind('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  childKind('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
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
  childKind('monitoring.coreos.com/v1', 'PrometheusRule', 'prometheusrules', true),
  childKind('grafana.integreatly.org/v1beta1', 'GrafanaDashboard', 'grafanadashboards', true),
  childKind('grafana.integreatly.org/v1beta1', 'GrafanaDatasource', 'grafanadatasources', true),
];

const optionalKinds: Readonly<Record<OptionalKind, string>> = {
  httpRoute: 'HTTPRoute',
  podMonitor: 'PodMonitor',
  prometheusRule: 'PrometheusRule',
  grafanaDashboard: 'GrafanaDashboard',
  grafanaDatasource: 'GrafanaDatasource',
};

/** Which optional kinds there are, by what `has` knows of each. */
export function installedKinds(has: (kind: ChildKind) => boolean): Record<OptionalKind, boolean> {
  const isInstalled = (name: OptionalKind) =>
    childKinds.some((kind) => kind.optional && kind.kind === optionalKinds[name] && has(kind));
  return {
    httpRoute: isInstalled('httpRoute'),
    podMonitor: isInstalled('podMonitor'),
    prometheusRule: isInstalled('prometheusRule'),
    grafanaDashboard: isInstalled('grafanaDashboard'),
    grafanaDatasource: isInstalled('grafanaDatasource'),
  };
}

function childKind(apiVersion: string, kind: string, plural: string, optional = false): ChildKind {
  return { apiVersion, kind, plural, namespaced: true, optional };
}
