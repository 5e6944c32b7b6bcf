/** Metrics about environments and about this process among its replicas. */
import { Gauge, type Registry } from 'prom-client';
import { listAt, textAt } from '../kube/json.ts';
import { certificateEnd } from '../reconcile/certificate.ts';
import type { Cluster } from '../reconcile/cluster.ts';
import { decodeSecret } from '../reconcile/secrets.ts';

/** `collabeditor_condition`: 1 for the status that a condition has, 0 for the others. */
export function conditionMetric(registry: Registry, cluster: Cluster): void {
  new Gauge({
    name: 'collabeditor_condition',
    help: 'Conditions of the environments.',
    labelNames: ['namespace', 'name', 'type', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const resource of cluster.resources()) {
        const { namespace = '', name } = resource.metadata;
        for (const condition of listAt(resource, 'status', 'conditions')) {
          const type = textAt(condition, 'type') ?? '';
          for (const status of ['True', 'False', 'Unknown']) {
            this.set({ namespace, name, type, status }, textAt(condition, 'status') === status ? 1 : 0);
          }
        }
      }
    },
  });
}

/** When the certificates of the environments end; nothing for one that can't be read. */
export function certificateMetric(registry: Registry, cluster: Cluster): void {
  new Gauge({
    name: 'collabeditor_certificate_expiry_timestamp_seconds',
    help: 'When the certificate that the Ingress of an environment names runs out.',
    labelNames: ['namespace', 'name', 'secret'],
    registers: [registry],
    collect() {
      this.reset();
      for (const resource of cluster.resources()) {
        const { namespace = '', name } = resource.metadata;
        const secret = textAt(resource, 'spec', 'exposure', 'ingress', 'tlsSecretName');
        if (secret === undefined || textAt(resource, 'spec', 'exposure', 'type') !== 'Ingress') continue;
        const live = cluster.knownSecret({ namespace, name: secret });
        const end = live === undefined ? null : certificateEnd(decodeSecret(live)['tls.crt'] ?? '');
        if (end !== null) this.set({ namespace, name, secret }, end.getTime() / 1000);
      }
    },
  });
}

/** `leader_election_master_status`, as client-go names it. Returns what to call when it changes. */
export function leaderMetric(registry: Registry): (leads: boolean) => void {
  const gauge = new Gauge({
    name: 'leader_election_master_status',
    help: 'Whether this process is the one that works.',
    labelNames: ['name'],
    registers: [registry],
  });
  const tell = (leads: boolean) => gauge.set({ name: 'collabeditor-operator' }, leads ? 1 : 0);
  tell(false);
  return tell;
}
