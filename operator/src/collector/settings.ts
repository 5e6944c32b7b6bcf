import type { LoggingEnvironment } from './environment.ts';

/** What differs between a node of a cluster and a test. */
export interface CollectorSettings {
  /** Folder of the node with one folder per pod, as the kubelet makes it. */
  podLogs: string;
  /** Folder for checkpoints and queues; it has to outlive the collector. */
  storage: string;
  /** How the API server is asked for pods. */
  kubernetes: 'serviceAccount' | 'kubeConfig';
  /** Variable with the name of the collector's own node. */
  nodeVariable: string;
  /** Base of an environment's OTLP endpoint. */
  lokiUrl: (environment: LoggingEnvironment) => string;
  /** Where the collector's own metrics and health are served. */
  host: string;
  metricsPort: number;
  healthPort: number;
  /** Bytes of lines that may wait on disk for one environment. */
  queueBytes: number;
  memoryMiB: number;
}

/** The settings that `config/logs` is made for. */
export const inCluster: CollectorSettings = {
  podLogs: '/var/log/pods',
  storage: '/var/lib/collabeditor-collector',
  kubernetes: 'serviceAccount',
  nodeVariable: 'NODE_NAME',
  lokiUrl: ({ namespace, name }) => `http://${name}-loki.${namespace}.svc:3100/otlp`,
  host: '0.0.0.0',
  metricsPort: 8888,
  healthPort: 13133,
  queueBytes: 128 * 1024 * 1024,
  memoryMiB: 192,
};
