import { join } from 'node:path';

import { stateRoot } from '../paths.ts';

/** Addresses inside a cluster's network namespace. Every cluster has the same ones, for none sees another. */
export const addresses = {
  node: '10.243.0.1',
  services: '10.96.0.0/16',
  /** First address of the services' range: the API server as pods see it. */
  kubernetes: '10.96.0.1',
  dns: '10.96.0.10',
  pods: '10.244.0.0/16',
};

/** Name of the only node. */
export const nodeName = 'node';

/** URL of the API server inside the namespace. */
export const apiUrl = `https://${addresses.node}:6443`;

/** Where one cluster keeps what. */
export interface Layout {
  readonly name: string;
  readonly state: string;
  readonly credentials: string;
  readonly config: string;
  readonly logs: string;
  /** What means nothing after the node's processes have ended. */
  readonly run: string;
  readonly etcd: string;
  readonly containerd: string;
  readonly kubelet: string;
  readonly volumes: string;
  readonly varLog: string;
  /** What a log collector keeps on its node. */
  readonly collector: string;
  /** Cgroup, relative to each hierarchy's root. */
  readonly cgroup: string;
  readonly lock: string;
}

/** The layout of the cluster of a name. */
export function layoutOf(name: string): Layout {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
    throw new RangeError(`'${name}' is no cluster name: up to 32 of a-z, 0-9 and -, neither first nor last a -`);
  }
  const state = join(clustersRoot(), name);
  return {
    name,
    state,
    credentials: join(state, 'credentials'),
    config: join(state, 'config'),
    logs: join(state, 'logs'),
    run: join(state, 'run'),
    etcd: join(state, 'data', 'etcd'),
    containerd: join(state, 'data', 'containerd'),
    kubelet: join(state, 'data', 'kubelet'),
    volumes: join(state, 'data', 'volumes'),
    varLog: join(state, 'data', 'log'),
    collector: join(state, 'data', 'collector'),
    cgroup: `collabeditor-${name}`,
    lock: join(stateRoot(), 'locks', `cluster-${name}`),
  };
}

/** The folder that holds the state folders of all clusters. */
export function clustersRoot(): string {
  return join(stateRoot(), 'cluster');
}

/** Held while the folder of the machine that all nodes mount over is made and used, or removed. */
export function mountPointLock(): string {
  return join(stateRoot(), 'locks', 'mount-point');
}

/** The containerd socket of a cluster. */
export function containerdSocket(layout: Layout): string {
  return join(layout.run, 'containerd.sock');
}
