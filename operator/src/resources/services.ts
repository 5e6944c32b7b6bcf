import { serviceNames } from '../api/types.ts';
import { child } from './child.ts';
import { containerPorts } from './deployments.ts';
import { selectorOf } from './labels.ts';
import { serviceName } from './names.ts';
import type { DesiredInput, Manifest } from './types.ts';

/** The Services in front of the four Deployments. */
export function services({ resource }: DesiredInput): Manifest[] {
  return serviceNames.map((service) => {
    const about = {
      apiVersion: 'v1',
      kind: 'Service',
      name: serviceName(resource, service),
      component: `${service}-service`,
      role: 'service',
    } as const;
    return child(resource, about, {
      spec: {
        type: 'ClusterIP',
        selector: selectorOf(resource, `${service}-service`),
        ports: containerPorts(service).map(({ name, containerPort, protocol }) => ({
          name,
          port: containerPort,
          targetPort: name,
          protocol,
        })),
      },
    });
  });
}
