import { quantityValue } from '../api/quantity.ts';
import type { Component, ServiceSpec } from '../api/types.ts';

type Given = ServiceSpec['resources'];
type Quantities = Record<string, string | number>;

export interface ContainerResources {
  requests: Quantities;
  limits: Quantities;
}

/** Small enough that an environment fits a laptop; each has a memory limit, none a CPU limit. */
const defaults = {
  user: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '512Mi' } },
  document: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } },
  realtime: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '1Gi' } },
  notification: { requests: { cpu: '20m', memory: '80Mi' }, limits: { memory: '256Mi' } },
  postgres: { requests: { cpu: '100m', memory: '192Mi' }, limits: { memory: '1Gi' } },
  redis: { requests: { cpu: '20m', memory: '32Mi' }, limits: { memory: '256Mi' } },
  rabbitmq: { requests: { cpu: '100m', memory: '192Mi' }, limits: { memory: '768Mi' } },
  prometheus: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
  loki: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
  grafana: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '384Mi' } },
} as const satisfies Record<Component, ContainerResources>;

/** Requests and limits of a component: given ones, else the release's, so that no request is above its limit. */
export function containerResources(component: Component, given: Given): ContainerResources {
  const preset = defaults[component];
  const limits: Quantities = { ...preset.limits, ...given?.limits };
  const requests: Quantities = { ...preset.requests, ...given?.requests };
  for (const [name, limit] of Object.entries(limits)) {
    const request = requests[name];
    if (request === undefined || quantityValue(request) <= quantityValue(limit)) continue;
    if (given?.requests?.[name] === undefined) requests[name] = limit;
    else if (given.limits?.[name] === undefined) limits[name] = request;
  }
  return { requests, limits };
}

/** Memory limit in MiB; every component has one. */
export function memoryLimitMiB({ limits }: ContainerResources): number {
  return Math.floor(quantityValue(limits['memory'] ?? '256Mi') / 2 ** 20);
}
