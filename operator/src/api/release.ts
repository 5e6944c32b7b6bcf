import { components, serviceNames } from './types.ts';
import type { Component, Release, ResolvedSpec } from './types.ts';

/** The release that this operator brings along; `RELATED_IMAGE_<COMPONENT>` replaces an image. */
export function releaseFrom(env: Readonly<Record<string, string | undefined>>, version: string): Release {
  const images = defaultImages(version);
  for (const component of components) {
    images[component] = env[`RELATED_IMAGE_${component.toUpperCase()}`] ?? images[component];
  }
  return { version, images };
}

function defaultImages(version: string): Record<Component, string> {
  return {
    user: `ghcr.io/collabeditor/user-service:${version}`,
    document: `ghcr.io/collabeditor/document-service:${version}`,
    realtime: `ghcr.io/collabeditor/realtime-service:${version}`,
    notification: `ghcr.io/collabeditor/notification-service:${version}`,
    postgres: 'docker.io/library/postgres:17',
    redis: 'docker.io/library/redis:8.0',
    rabbitmq: 'docker.io/library/rabbitmq:4.0-management',
    prometheus: 'docker.io/prom/prometheus:v3.16.0',
    loki: 'docker.io/grafana/loki:3.7.8',
    grafana: 'docker.io/grafana/grafana:12.3.0',
  };
}

/** Release that the services are to run. */
export function rolloutVersion(spec: ResolvedSpec, release: Release): string {
  return spec.version ?? release.version;
}

/** Why `spec.version` can't be honoured by this operator, or null. */
export function versionProblem(spec: ResolvedSpec, release: Release): string | null {
  const wanted = rolloutVersion(spec, release);
  const [major, minor] = majorMinor(wanted);
  const [ownMajor, ownMinor] = majorMinor(release.version);
  if (major === ownMajor && minor <= ownMinor && minor >= ownMinor - 2) return null;
  return `spec.version ${wanted} is not among the releases of this operator: ${ownMajor}.${Math.max(0, ownMinor - 2)} to ${ownMajor}.${ownMinor}.`;
}

/** Image of a component: its own reference, else the release's at the wanted version, from the mirror where one is given. */
export function imageOf(spec: ResolvedSpec, release: Release, component: Component): string {
  const own = spec.images[component];
  if (own !== undefined) return own;
  const image = release.images[component];
  const versioned = isService(component) ? atVersion(image, release.version, rolloutVersion(spec, release)) : image;
  return spec.images.registry === undefined ? versioned : `${spec.images.registry}/${withoutHost(versioned)}`;
}

function isService(component: Component): boolean {
  return serviceNames.some((service) => service === component);
}

/** The operator's own release has its images as they are; another release is looked for in the same repository, under its version. */
function atVersion(image: string, own: string, wanted: string): string {
  if (wanted === own) return image;
  const [name = ''] = image.split('@', 1);
  const tag = name.lastIndexOf(':');
  const repository = tag > name.lastIndexOf('/') ? name.slice(0, tag) : name;
  return `${repository}:${wanted}`;
}

/** The first part of a reference is a host where it has a dot, a port or is `localhost`. */
function withoutHost(image: string): string {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? rest.join('/') : image;
}

function majorMinor(version: string): [major: number, minor: number] {
  const [major = '0', minor = '0'] = version.split('.');
  return [Number(major), Number(minor)];
}
