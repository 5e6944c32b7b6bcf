import { addresses, nodeName } from './layout.ts';

/** The objects that make the node's own processes known to the cluster. */
export function addonObjects(): readonly object[] {
  return [
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'traefik', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
      spec: { controller: 'traefik.io/ingress-controller' },
    },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'folder', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'collabeditor.test/folder',
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'WaitForFirstConsumer',
    },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'bounded' },
      provisioner: 'collabeditor.test/folder',
      parameters: { bounded: 'true' },
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'WaitForFirstConsumer',
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'kube-proxy' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:node-proxier' },
      subjects: [{ kind: 'User', name: 'system:kube-proxy', apiGroup: 'rbac.authorization.k8s.io' }],
    },
    ...processService('kube-dns', addresses.dns, [
      { name: 'dns', protocol: 'UDP', port: 53, target: 53 },
      { name: 'dns-tcp', protocol: 'TCP', port: 53, target: 53 },
    ]),
    ...processService('metrics-server', undefined, [{ name: 'https', protocol: 'TCP', port: 443, target: 10_260 }]),
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: {
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        service: { name: 'metrics-server', namespace: 'kube-system' },
        groupPriorityMinimum: 100,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
      },
    },
  ];
}

interface ServicePort {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
  readonly target: number;
}

/** A Service without selector whose one endpoint is a process of the node. */
function processService(name: string, clusterIP: string | undefined, ports: readonly ServicePort[]): object[] {
  const namespace = 'kube-system';
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: {
        ...(clusterIP === undefined ? {} : { clusterIP }),
        ports: ports.map(({ name: port, protocol, port: number, target }) => ({
          name: port,
          protocol,
          port: number,
          targetPort: target,
        })),
      },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-node`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [addresses.node], conditions: { ready: true }, nodeName }],
      ports: ports.map(({ name: port, protocol, target }) => ({ name: port, protocol, port: target })),
    },
  ];
}
