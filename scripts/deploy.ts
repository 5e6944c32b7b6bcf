/** Puts what this tree builds onto a target: images, CRD, operator, one CollabEditor. `make up` and the scenario both go this way. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stateDir } from './stages.ts';
import type { Target } from './targets.ts';

const root = join(import.meta.dirname, '..');
const services = ['user', 'document', 'realtime', 'notification'] as const;

export type Images = Readonly<Record<string, string>>;
type Say = (line: string) => void;

/** Builds and loads the operator's and the services' images; answers references by component. */
export async function provideImages(target: Target, say: Say, { observability = false } = {}): Promise<Images> {
  const images: Record<string, string> = { ...(await target.storeImages(say)) };
  if (observability) Object.assign(images, await target.observabilityImages(say));
  const provide = (
    component: string,
    dockerfile: string,
    args: Record<string, string>,
    input: string,
  ): Promise<string> =>
    target.provide({ component, dockerfile, args, inputs: [input], tag: contentHash([input, dockerfile]) }, say);
  images['operator'] = await provide('operator', 'Dockerfile.operator', {}, 'operator/image');
  for (const service of services) {
    images[service] = await provide(
      `${service}-service`,
      'services/Dockerfile',
      { SERVICE: service },
      `services/${service}/image`,
    );
  }
  for (const [component, reference] of Object.entries(images)) say(`${component.padEnd(13)} ${reference}`);
  return images;
}

/** Applies the CRD and the operator with these images and waits until it runs. */
export async function installOperator(target: Target, images: Images): Promise<void> {
  await applyOverlay(target, 'default', { patches: [{ patch: JSON.stringify(operatorPatch(images)) }] });
  await target.kubectl(['wait', '--for=condition=Established', 'crd/collabeditors.collabeditor.dev', '--timeout=60s']);
  await target.kubectl([
    '-n',
    'collabeditor-system',
    'rollout',
    'status',
    'deployment/collabeditor-operator',
    '--timeout=180s',
  ]);
}

/** Applies the log collector with these images and waits until it runs on every node. */
export async function installLogs(target: Target, images: Images): Promise<void> {
  // Without an image of ours the released one stays.
  const replaced = [
    { name: 'ghcr.io/collabeditor/operator', reference: images['operator'] },
    { name: 'docker.io/otel/opentelemetry-collector-contrib', reference: images['collector'] },
  ].flatMap(({ name, reference }) => (reference === undefined ? [] : [{ name, ...newImage(reference) }]));
  await applyOverlay(target, 'logs', { images: replaced });
  await target.kubectl([
    '-n',
    'collabeditor-logs',
    'rollout',
    'status',
    'daemonset/collabeditor-collector',
    '--timeout=180s',
  ]);
}

/** Applies a folder of config/ with changes, by a kustomization (JSON is YAML) of its own. */
async function applyOverlay(target: Target, config: string, changes: Readonly<Record<string, unknown>>): Promise<void> {
  const overlay = join(stateDir, 'deploy', config);
  mkdirSync(overlay, { recursive: true });
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [relative(overlay, join(root, 'config', config))],
    ...changes,
  };
  writeFileSync(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization, null, 2));
  await target.kubectl(['apply', '--server-side', '--force-conflicts', '-k', overlay]);
}

/** Gives the operator's Deployment the images that were built. */
function operatorPatch(images: Images): unknown {
  const env = Object.entries(images)
    .filter(([component]) => component !== 'operator' && component !== 'collector')
    .map(([component, reference]) => ({ name: `RELATED_IMAGE_${component.toUpperCase()}`, value: reference }));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'collabeditor-operator', namespace: 'collabeditor-system' },
    spec: { template: { spec: { containers: [{ name: 'operator', image: images['operator'], env }] } } },
  };
}

/** A reference as kustomize wants it. A port of the registry is no tag. */
function newImage(reference: string): { readonly newName: string; readonly newTag: string } {
  const colon = reference.lastIndexOf(':');
  return { newName: reference.slice(0, colon), newTag: reference.slice(colon + 1) };
}

/** A namespace that lets only pods of the `restricted` Pod Security Standard in. */
export async function applyNamespace(target: Target, name: string): Promise<void> {
  const labels = {
    'pod-security.kubernetes.io/enforce': 'restricted',
    'pod-security.kubernetes.io/enforce-version': 'latest',
  };
  await target.kubectl(
    ['apply', '--server-side', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }),
  );
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface ResourceView {
  readonly url: string;
  readonly version: string;
  readonly servicesReady: string;
  readonly conditions: readonly Condition[];
  readonly current: boolean;
}

export async function readResource(target: Target, namespace: string, name: string): Promise<ResourceView> {
  const resource = JSON.parse(await target.kubectl(['-n', namespace, 'get', 'collabeditor', name, '-o', 'json'])) as {
    metadata: { generation: number };
    status?: {
      url?: string;
      version?: string;
      servicesReady?: string;
      observedGeneration?: number;
      conditions?: Condition[];
    };
  };
  const { status = {} } = resource;
  return {
    url: status.url ?? '',
    version: status.version ?? '',
    servicesReady: status.servicesReady ?? '',
    conditions: status.conditions ?? [],
    current: status.observedGeneration === resource.metadata.generation,
  };
}

/** Waits for Ready and says each stage that is reached and what the others wait for. */
export async function waitReady(
  target: Target,
  namespace: string,
  name: string,
  say: Say,
  deadlineMs = 300_000,
): Promise<ResourceView> {
  const said = new Map<string, string>();
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const view = await readResource(target, namespace, name);
    for (const { type, status, reason, message } of view.conditions) {
      const line = status === 'True' ? `${type} ${reason}` : `${type}: ${message}`;
      if (said.get(type) !== line && type !== 'Paused') say(line);
      said.set(type, line);
    }
    if (view.current && view.conditions.some(({ type, status }) => type === 'Ready' && status === 'True')) return view;
    if (Date.now() > deadline) {
      const open = view.conditions.filter(
        ({ type, status }) => status !== 'True' && !['Degraded', 'Paused', 'Progressing'].includes(type),
      );
      throw new Error(
        `${namespace}/${name} was not Ready in ${deadlineMs / 1000} s: ${open.map(({ type, message }) => `${type}: ${message}`).join('; ')}\n` +
          `look at: kubectl -n ${namespace} get pods,events; kubectl -n collabeditor-system logs deployment/collabeditor-operator`,
      );
    }
    await delay(500);
  }
}

/** Hash of files and folders by name and content: the tag of an image changes exactly when what goes into it does. */
function contentHash(paths: readonly string[]): string {
  const hash = createHash('sha256');
  const add = (path: string): void => {
    if (statSync(path).isDirectory()) {
      for (const entry of readdirSync(path).sort()) add(join(path, entry));
      return;
    }
    if (path.endsWith('.map')) return;
    hash.update(`${relative(root, path)}\0`);
    hash.update(readFileSync(path));
  };
  for (const path of paths) add(join(root, path));
  return hash.digest('hex').slice(0, 12);
}
