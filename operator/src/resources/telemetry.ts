/** What Prometheus, Loki and Grafana of an environment have in common. */
import { imageOf } from '../api/release.ts';
import type { ResolvedSpec, TelemetryProgram } from '../api/types.ts';
import { child } from './child.ts';
import { containerResources, memoryLimitMiB } from './container-resources.ts';
import { configAnnotation, hashOf } from './hash.ts';
import { labelsOf, selectorOf } from './labels.ts';
import { namespaceOf, telemetryName } from './names.ts';
import { restrictedContainer, restrictedPod, temporaryFiles, temporaryMount } from './pod.ts';
import type { DesiredInput, Manifest } from './types.ts';

/** One of the programs as a pod. */
export interface TelemetryPod {
  program: TelemetryProgram;
  /** User id that the official image knows. */
  uid: number;
  command: readonly string[];
  env?: readonly Record<string, unknown>[];
  /** Name of its port: `telemetry` where it shows metrics of its own. */
  portName: 'telemetry' | 'http';
  ready: string;
  /** A path that answers while the program is still busy with starting. */
  alive: string;
  gracePeriodSeconds: number;
  mounts: readonly Record<string, unknown>[];
  volumes: readonly Record<string, unknown>[];
  /** Settings that it reads at its start only: a change restarts it. */
  settings?: unknown;
  annotations?: Record<string, string>;
  /** Asks the API server for pods. */
  token?: boolean;
}

const ports: Readonly<Record<TelemetryProgram, number>> = { prometheus: 9090, loki: 3100, grafana: 3000 };

export function programPort(program: TelemetryProgram): number {
  return ports[program];
}

/** Whether the environment has that program of its own. */
export function isManaged({ observability }: ResolvedSpec, program: TelemetryProgram): boolean {
  const { metrics, logs, dashboards } = observability;
  return { prometheus: metrics.type, loki: logs, grafana: dashboards }[program] === 'Managed';
}

/** Where the cluster's pods reach it. */
export function telemetryUrl({ resource }: DesiredInput, program: TelemetryProgram): string {
  return `http://${telemetryName(resource, program)}.${namespaceOf(resource)}.svc:${ports[program]}`;
}

/** A child that is named after the program. */
export function telemetryChild(
  { resource }: DesiredInput,
  program: TelemetryProgram,
  [apiVersion, kind]: readonly [apiVersion: string, kind: string],
  body: Record<string, unknown>,
): Manifest {
  const name = telemetryName(resource, program);
  return child(resource, { apiVersion, kind, name, component: program, role: 'monitoring' }, body);
}

export function telemetryConfigMap(
  input: DesiredInput,
  program: TelemetryProgram,
  files: Readonly<Record<string, string>>,
): Manifest {
  return telemetryChild(input, program, ['v1', 'ConfigMap'], { data: files });
}

export function telemetryService(input: DesiredInput, program: TelemetryProgram): Manifest {
  const targetPort = program === 'grafana' ? 'http' : 'telemetry';
  return telemetryChild(input, program, ['v1', 'Service'], {
    spec: {
      type: 'ClusterIP',
      selector: selectorOf(input.resource, program),
      ports: [{ name: 'http', port: ports[program], targetPort, protocol: 'TCP' }],
    },
  });
}

/** `selector` and `template` of its Deployment or StatefulSet. */
export function telemetryPods(input: DesiredInput, pod: TelemetryPod) {
  const { resource } = input;
  return {
    selector: { matchLabels: selectorOf(resource, pod.program) },
    template: {
      metadata: {
        labels: labelsOf(resource, pod.program, 'monitoring'),
        annotations: {
          ...pod.annotations,
          ...(pod.settings === undefined ? {} : { [configAnnotation]: hashOf(pod.settings) }),
        },
      },
      spec: {
        ...restrictedPod(resource, pod.uid, telemetryName(resource, pod.program)),
        automountServiceAccountToken: pod.token === true,
        terminationGracePeriodSeconds: pod.gracePeriodSeconds,
        containers: [container(input, pod)],
        volumes: [...pod.volumes, temporaryFiles],
      },
    },
  };
}

function container({ resource, release }: DesiredInput, pod: TelemetryPod) {
  const resources = containerResources(pod.program, undefined);
  // Go collects garbage in time for the limit only when it is told of it.
  const memoryLimit = { name: 'GOMEMLIMIT', value: `${Math.floor(memoryLimitMiB(resources) * 0.85)}MiB` };
  const probe = (path: string) => ({ httpGet: { path, port: pod.portName }, timeoutSeconds: 5 });
  return {
    name: pod.program,
    image: imageOf(resource.spec, release, pod.program),
    imagePullPolicy: resource.spec.images.pullPolicy,
    command: pod.command,
    env: [memoryLimit, ...(pod.env ?? [])],
    ports: [{ name: pod.portName, containerPort: ports[pod.program], protocol: 'TCP' }],
    securityContext: restrictedContainer,
    resources,
    volumeMounts: [...pod.mounts, temporaryMount],
    startupProbe: { ...probe(pod.alive), periodSeconds: 2, failureThreshold: 90 },
    readinessProbe: { ...probe(pod.ready), periodSeconds: 5, failureThreshold: 3 },
    livenessProbe: { ...probe(pod.alive), periodSeconds: 15, failureThreshold: 4 },
  };
}
