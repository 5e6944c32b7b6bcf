import { imageOf, rolloutVersion } from '../api/release.ts';
import type { ServiceName } from '../api/types.ts';
import { child } from './child.ts';
import { containerResources } from './container-resources.ts';
import { caVolume } from './deployments.ts';
import { caPath, hasCa, migrationEnv } from './environment.ts';
import { hashOf } from './hash.ts';
import { labelsOf } from './labels.ts';
import { migrationsName } from './names.ts';
import { restrictedContainer, restrictedPod, serviceUid, temporaryFiles, temporaryMount } from './pod.ts';
import type { DesiredInput, Manifest } from './types.ts';

/**
 * One Job per release: a step per service in that service's image, one after the other. A Job's template can't be changed, so its
 * name follows from it.
 */
export function migration(input: DesiredInput): Manifest[] {
  const { resource, release } = input;
  const spec = podSpec(input);
  const about = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    name: `${resource.metadata.name}-migrate-${hashOf(spec)}`,
    component: 'migrations',
    role: 'migration',
    labels: { 'app.kubernetes.io/version': rolloutVersion(resource.spec, release) },
  } as const;
  const labels = { ...labelsOf(resource, 'migrations', 'migration'), ...about.labels };
  // The pod retries in place, slower and slower, for as long as it takes: once the cause is gone it goes on by itself.
  return [child(resource, about, { spec: { backoffLimit: 2147483647, template: { metadata: { labels }, spec } } })];
}

function podSpec(input: DesiredInput) {
  const { resource } = input;
  return {
    ...restrictedPod(resource, serviceUid, migrationsName(resource)),
    restartPolicy: 'OnFailure',
    initContainers: [step(input, 'user'), step(input, 'document'), step(input, 'realtime')],
    containers: [step(input, 'notification')],
    volumes: [temporaryFiles, ...(hasCa(input, 'postgres') ? [{ name: 'ca', ...caVolume(input, ['postgres']) }] : [])],
  };
}

function step(input: DesiredInput, service: ServiceName) {
  const { spec } = input.resource;
  return {
    name: service,
    image: imageOf(spec, input.release, service),
    imagePullPolicy: spec.images.pullPolicy,
    command: ['node', 'dist/main.mjs', 'migrate'],
    env: migrationEnv(input, service),
    // The last lines of a failed step are in the pod's status, where the condition reads them.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: restrictedContainer,
    resources: containerResources(service, undefined),
    volumeMounts: [
      temporaryMount,
      ...(hasCa(input, 'postgres') ? [{ name: 'ca', mountPath: caPath, readOnly: true }] : []),
    ],
  };
}
