import { join } from 'node:path';

import { configFiles } from './config.ts';
import type { Layout } from './layout.ts';
import { addresses, containerdSocket, nodeName } from './layout.ts';
import type { NodeProcess } from './processes.ts';

/** Where the programs of each part are. */
export type Programs = (part: string, program?: string) => string;

/** What the API server needs to answer, and the runtime, which needs nothing else. */
export function foundation(layout: Layout, programs: Programs): NodeProcess[] {
  const credential = (name: string): string => join(layout.credentials, name);
  return [
    {
      name: 'containerd',
      program: programs('containerd'),
      args: ['--config', join(layout.config, 'containerd.toml')],
      config: configFiles(layout, programs('runc'))['containerd.toml'],
    },
    {
      name: 'etcd',
      program: programs('kubernetes', 'etcd'),
      args: [`--data-dir=${layout.etcd}`, '--unsafe-no-fsync', '--log-level=warn'],
    },
    {
      name: 'kube-apiserver',
      program: programs('kubernetes', 'kube-apiserver'),
      args: [
        '--etcd-servers=http://127.0.0.1:2379',
        `--advertise-address=${addresses.node}`,
        '--secure-port=6443',
        '--authorization-mode=Node,RBAC',
        '--enable-admission-plugins=NodeRestriction',
        '--allow-privileged=true',
        `--service-cluster-ip-range=${addresses.services}`,
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-account-key-file=${credential('service-accounts.key')}`,
        `--service-account-signing-key-file=${credential('service-accounts.key')}`,
        `--client-ca-file=${credential('ca.crt')}`,
        `--tls-cert-file=${credential('server.crt')}`,
        `--tls-private-key-file=${credential('server.key')}`,
        `--kubelet-certificate-authority=${credential('ca.crt')}`,
        `--kubelet-client-certificate=${credential('kubelet-client.crt')}`,
        `--kubelet-client-key=${credential('kubelet-client.key')}`,
        '--kubelet-preferred-address-types=InternalIP',
        `--requestheader-client-ca-file=${credential('front-proxy-ca.crt')}`,
        '--requestheader-allowed-names=front-proxy',
        '--requestheader-username-headers=X-Remote-User',
        '--requestheader-group-headers=X-Remote-Group',
        '--requestheader-extra-headers-prefix=X-Remote-Extra-',
        `--proxy-client-cert-file=${credential('front-proxy.crt')}`,
        `--proxy-client-key-file=${credential('front-proxy.key')}`,
        '--enable-aggregator-routing=true',
      ],
    },
  ];
}

/** Everything that talks to the API server. */
export function clientsOfApi(layout: Layout, programs: Programs): NodeProcess[] {
  return [...controlLoops(layout, programs), ...nodeAgents(layout, programs), ...addons(layout, programs)];
}

/** Carries a port of the machine's loopback to an address of the node. */
export function forwarder(layout: Layout, programs: Programs, init: number, forwarded: ForwardedPort): NodeProcess {
  return {
    name: forwarded.name,
    program: programs('kubernetes', 'node-forward'),
    outside: true,
    // prettier-ignore
    args: ['--wish-file', wishFile(layout, forwarded), '--tries', '200', '--namespaces-of', String(init),
           '--port-file', portFile(layout, forwarded), '--to', `${addresses.node}:${forwarded.target}`],
  };
}

/** A port of the node that the machine's loopback has too. */
export interface ForwardedPort {
  readonly name: string;
  readonly target: number;
}

/** What is reached from the machine. */
export const forwardedPorts = {
  api: { name: 'forward-api', target: 6443 },
  ingress: { name: 'forward-ingress', target: 80 },
};

/** The file with the port that a forwarder has got. */
export function portFile(layout: Layout, forwarded: ForwardedPort): string {
  return join(layout.run, `${forwarded.name}.port`);
}

/** The file with the port that a forwarder tries first. It outlives the node, so that a restart gets the same one. */
export function wishFile(layout: Layout, forwarded: ForwardedPort): string {
  return join(layout.state, `${forwarded.name}.wish`);
}

function kubeconfig(layout: Layout, name: string): string {
  return join(layout.credentials, `${name}.kubeconfig`);
}

function controlLoops(layout: Layout, programs: Programs): NodeProcess[] {
  const credential = (name: string): string => join(layout.credentials, name);
  const authenticated = (name: string): string[] => [
    `--kubeconfig=${kubeconfig(layout, name)}`,
    `--authentication-kubeconfig=${kubeconfig(layout, name)}`,
    `--authorization-kubeconfig=${kubeconfig(layout, name)}`,
    '--leader-elect=false',
  ];
  return [
    {
      name: 'kube-controller-manager',
      program: programs('kubernetes', 'kube-controller-manager'),
      args: [
        ...authenticated('kube-controller-manager'),
        `--service-account-private-key-file=${credential('service-accounts.key')}`,
        `--root-ca-file=${credential('ca.crt')}`,
        `--cluster-signing-cert-file=${credential('ca.crt')}`,
        `--cluster-signing-key-file=${credential('ca.key')}`,
        '--use-service-account-credentials=true',
      ],
    },
    {
      name: 'kube-scheduler',
      program: programs('kubernetes', 'kube-scheduler'),
      args: authenticated('kube-scheduler'),
    },
  ];
}

function nodeAgents(layout: Layout, programs: Programs): NodeProcess[] {
  return [
    {
      name: 'kubelet',
      program: programs('kubernetes', 'kubelet'),
      args: [
        `--config=${join(layout.config, 'kubelet.json')}`,
        `--kubeconfig=${kubeconfig(layout, 'kubelet')}`,
        `--hostname-override=${nodeName}`,
        `--node-ip=${addresses.node}`,
      ],
      config: configFiles(layout, programs('runc'))['kubelet.json'],
    },
    {
      name: 'kube-proxy',
      program: programs('kubernetes', 'kube-proxy'),
      args: [
        `--kubeconfig=${kubeconfig(layout, 'kube-proxy')}`,
        `--hostname-override=${nodeName}`,
        '--proxy-mode=nftables',
        `--cluster-cidr=${addresses.pods}`,
        // The machine's own connection tracking is left as it is.
        '--conntrack-max-per-core=0',
        '--conntrack-tcp-timeout-established=0',
        '--conntrack-tcp-timeout-close-wait=0',
      ],
    },
  ];
}

function addons(layout: Layout, programs: Programs): NodeProcess[] {
  const metricsKubeconfig = kubeconfig(layout, 'metrics-server');
  return [
    {
      name: 'coredns',
      program: programs('coredns'),
      args: ['-conf', join(layout.config, 'Corefile')],
      config: configFiles(layout, programs('runc')).Corefile,
    },
    {
      name: 'provisioner',
      program: programs('kubernetes', 'node-provisioner'),
      // prettier-ignore
      args: ['--kubeconfig', kubeconfig(layout, 'provisioner'), '--folder', layout.volumes, '--node', nodeName],
    },
    {
      name: 'metrics-server',
      program: programs('metrics-server'),
      args: [
        `--kubeconfig=${metricsKubeconfig}`,
        `--authentication-kubeconfig=${metricsKubeconfig}`,
        `--authorization-kubeconfig=${metricsKubeconfig}`,
        `--kubelet-certificate-authority=${join(layout.credentials, 'ca.crt')}`,
        '--kubelet-preferred-address-types=InternalIP',
        '--metric-resolution=15s',
        '--secure-port=10260',
        `--cert-dir=${join(layout.run, 'metrics-server')}`,
      ],
    },
    {
      name: 'traefik',
      // Traefik reads the cluster's address and credentials from the environment only.
      program: 'env',
      args: [
        `KUBECONFIG=${kubeconfig(layout, 'traefik')}`,
        programs('traefik'),
        '--providers.kubernetesingress=true',
        `--providers.kubernetesingress.ingressendpoint.ip=${addresses.node}`,
        `--entrypoints.web.address=${addresses.node}:80`,
        `--entrypoints.traefik.address=${addresses.node}:8082`,
        '--ping=true',
        '--global.checknewversion=false',
        '--global.sendanonymoususage=false',
      ],
    },
  ];
}

/** What the runtime's client needs before its command. */
export function runtimeClient(layout: Layout): string[] {
  return ['--address', containerdSocket(layout), '--namespace', 'k8s.io'];
}

/** URLs on the node that answer when a process of it is ready. */
export const readinessUrls = {
  coredns: `http://${addresses.node}:8181/ready`,
  traefik: `http://${addresses.node}:8082/ping`,
};
