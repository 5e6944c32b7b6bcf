import { serviceNames } from '../api/types.ts';
import type { ServiceName } from '../api/types.ts';
import { child } from './child.ts';
import { serviceName } from './names.ts';
import type { DesiredInput, Manifest } from './types.ts';

/** HorizontalPodAutoscalers of the services that ask for one. */
export function autoscalers(input: DesiredInput): Manifest[] {
  const { services } = input.resource.spec;
  return serviceNames
    .filter((service) => services[service].autoscaling !== undefined)
    .map((service) => autoscaler(input, service));
}

/** `replicas` of a Deployment: under an autoscaler the live value, until the autoscaler owns the field and it is left out. */
export function replicasOf({ resource, facts }: DesiredInput, service: ServiceName): { replicas?: number } {
  const { autoscaling, replicas } = resource.spec.services[service];
  if (autoscaling === undefined) return { replicas };
  const live = facts.replicas[service];
  return live === null ? {} : { replicas: live ?? autoscaling.minReplicas };
}

function autoscaler({ resource }: DesiredInput, service: ServiceName): Manifest {
  const name = serviceName(resource, service);
  const about = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    name,
    component: `${service}-service`,
    role: 'service',
  } as const;
  const { autoscaling } = resource.spec.services[service];
  return child(resource, about, {
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: autoscaling?.minReplicas,
      maxReplicas: autoscaling?.maxReplicas,
      metrics: [
        {
          type: 'Resource',
          resource: {
            name: 'cpu',
            target: { type: 'Utilization', averageUtilization: autoscaling?.targetCPUUtilizationPercentage },
          },
        },
      ],
    },
  });
}
