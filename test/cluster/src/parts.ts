import { join } from 'node:path';

import { room } from './paths.ts';

/** How a part is made from Go modules or from C. */
type Recipe =
  | {
      readonly kind: 'install';
      /** Main packages with their versions. */
      readonly packages: readonly string[];
      readonly tags?: string;
      readonly cgo?: boolean;
    }
  | {
      readonly kind: 'module';
      /** Folder with go.mod and go.sum, built in a copy. */
      readonly folder: string;
      readonly package: string;
      readonly program: string;
      readonly ldflags?: string;
      /** A script of the folder that completes the copy before the build. */
      readonly prepare?: string;
      /** Further names of the program, which acts by the name it is called by. */
      readonly links?: readonly string[];
    }
  | { readonly kind: 'c'; readonly folder: string; readonly source: string; readonly program: string };

/** Something the cluster is made of, built once and kept under a key of everything that goes into it. */
export interface Part {
  readonly name: string;
  readonly recipe: Recipe;
}

const kubernetesVersion = { major: '1', minor: '37', text: 'v1.37.2' };

/** The Kubernetes programs, all links to one file. The last three are ours. */
const kubernetesPrograms = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-proxy',
  'kube-scheduler',
  'kubectl',
  'kubelet',
  'node-certificates',
  'node-forward',
  'node-provisioner',
];

const versionPackage = 'k8s.io/component-base/version';

/** Parts that only go into images, which only those build who want the image. */
const imageParts = ['prometheus', 'loki', 'collector'];

/** All parts, in the order of a whole build: what others wait for comes first. */
export const parts: readonly Part[] = [
  {
    name: 'kubernetes',
    recipe: {
      kind: 'module',
      folder: join(room, 'go', 'kubernetes'),
      package: '.',
      program: 'kubernetes',
      ldflags: [
        `-X ${versionPackage}.gitVersion=${kubernetesVersion.text}`,
        `-X ${versionPackage}.gitMajor=${kubernetesVersion.major}`,
        `-X ${versionPackage}.gitMinor=${kubernetesVersion.minor}`,
      ].join(' '),
      links: kubernetesPrograms,
    },
  },
  {
    name: 'containerd',
    recipe: {
      kind: 'install',
      packages: ['containerd', 'ctr', 'containerd-shim-runc-v2'].map(
        (program) => `github.com/containerd/containerd/v2/cmd/${program}@v2.4.2`,
      ),
    },
  },
  {
    name: 'runc',
    recipe: { kind: 'install', packages: ['github.com/opencontainers/runc@v1.5.2'], tags: 'seccomp', cgo: true },
  },
  { name: 'pause', recipe: { kind: 'c', folder: join(room, 'pause'), source: 'pause.c', program: 'pause' } },
  { name: 'coredns', recipe: { kind: 'install', packages: ['github.com/coredns/coredns@v1.15.0'] } },
  {
    name: 'metrics-server',
    recipe: { kind: 'install', packages: ['sigs.k8s.io/metrics-server/cmd/metrics-server@v0.9.0'] },
  },
  {
    name: 'traefik',
    recipe: {
      kind: 'module',
      folder: join(room, 'go', 'traefik'),
      package: 'github.com/traefik/traefik/v3/cmd/traefik',
      program: 'traefik',
      prepare: './lego.sh',
    },
  },
  {
    name: 'prometheus',
    recipe: {
      kind: 'install',
      packages: ['prometheus', 'promtool'].map((program) => `github.com/prometheus/prometheus/cmd/${program}@v0.316.0`),
      // Service discoveries other than Kubernetes need modules that cannot be fetched.
      tags: 'remove_all_sd,enable_kubernetes_sd',
    },
  },
  {
    name: 'loki',
    recipe: {
      kind: 'module',
      folder: join(room, 'go', 'loki'),
      package: 'github.com/grafana/loki/v3/cmd/loki',
      program: 'loki',
      ldflags: '-X github.com/grafana/loki/v3/pkg/util/build.Version=3.7.8',
    },
  },
  {
    name: 'collector',
    recipe: { kind: 'module', folder: join(room, 'go', 'collector'), package: '.', program: 'otelcol-contrib' },
  },
];

/** The parts that a running node needs. */
export const nodeParts = parts.map((part) => part.name).filter((name) => !imageParts.includes(name));

/** The part of a name. */
export function partNamed(name: string): Part {
  const part = parts.find((candidate) => candidate.name === name);
  if (part === undefined) throw new RangeError(`no part ${name}; there are ${parts.map((p) => p.name).join(', ')}`);
  return part;
}
