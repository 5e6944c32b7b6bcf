import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Layout } from './layout.ts';
import { addresses, containerdSocket } from './layout.ts';

/** The image of every pod's first container. */
const pauseImage = 'localhost/collabeditor/pause:1';

/** Where Debian's package has the CNI plugins. */
const cniPlugins = '/usr/lib/cni';

/** The configuration files of the node's parts by their names in the configuration folder. */
export function configFiles(layout: Layout, runc: string): Readonly<Record<ConfigFile, string>> {
  return {
    'containerd.toml': containerdConfig(layout, runc),
    'kubelet.json': JSON.stringify(kubeletConfig(layout), null, 2),
    'cni/10-pods.conflist': JSON.stringify(cniConfig(layout), null, 2),
    Corefile: corefile(layout),
    'resolv.conf': `nameserver ${addresses.dns}\nsearch svc.cluster.local cluster.local\noptions ndots:5\n`,
    // Pods with the machine's resolver: there is nothing outside to be resolved.
    'resolv.none': '',
  };
}

type ConfigFile =
  'containerd.toml' | 'kubelet.json' | 'cni/10-pods.conflist' | 'Corefile' | 'resolv.conf' | 'resolv.none';

/** Writes the configuration files. */
export async function writeConfig(layout: Layout, runc: string): Promise<void> {
  for (const [name, content] of Object.entries(configFiles(layout, runc))) {
    const file = join(layout.config, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

function containerdConfig(layout: Layout, runc: string): string {
  return `version = 3
root = "${layout.containerd}"
# On the node's own /run.
state = "/run/containerd"

[grpc]
  address = "${containerdSocket(layout)}"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "${pauseImage}"

[plugins.'io.containerd.cri.v1.runtime']
  # Sandboxed machines lack CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["${cniPlugins}"]
  conf_dir = "${join(layout.config, 'cni')}"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "${runc}"
  SystemdCgroup = false
`;
}

function kubeletConfig(layout: Layout): object {
  const credential = (name: string): string => join(layout.credentials, name);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: credential('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: credential('server.crt'),
    tlsPrivateKeyFile: credential('server.key'),
    containerRuntimeEndpoint: `unix://${containerdSocket(layout)}`,
    clusterDomain: 'cluster.local',
    clusterDNS: [addresses.dns],
    resolvConf: join(layout.config, 'resolv.none'),
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${layout.cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    // Tests kill processes on purpose; the back-off that protects a cloud's nodes would only make them wait for minutes.
    crashLoopBackOff: { maxContainerRestartPeriod: '1s' },
    // Images cannot be pulled again, and a full disk of the machine is no reason to evict a test.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: { 'imagefs.available': '0%', 'nodefs.available': '0%', 'nodefs.inodesFree': '0%' },
  };
}

/** Every pod has a cable of its own to the node, so all traffic is routed and passes kube-proxy's rules. */
function cniConfig(layout: Layout): object {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        mtu: 1500,
        ipam: {
          type: 'host-local',
          dataDir: join(layout.run, 'pod-addresses'),
          ranges: [[{ subnet: addresses.pods }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  };
}

function corefile(layout: Layout): string {
  return `cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
  bind ${addresses.node}
  errors
  ready ${addresses.node}:8181
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig ${join(layout.credentials, 'coredns.kubeconfig')}
    pods insecure
    ttl 5
  }
}

# Nothing else exists for a cluster without a way out.
.:53 {
  bind ${addresses.node}
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`;
}
