/** `spec.observability`: metrics, logs and dashboards. */
import Type from 'typebox';
import { ruled } from './rule.ts';
import { choice, duration, name, quantity } from './schema-kinds.ts';

const metricsTypes = ['Auto', 'PodMonitor', 'Annotations', 'Managed', 'None'] as const;
const managedOrNone = (description: string) => choice(['Managed', 'None'], description, { default: 'None' });

const metrics = ruled(
  Type.Object(
    {
      type: choice(
        metricsTypes,
        'How Prometheus finds the pods: PodMonitor and PrometheusRule for the prometheus-operator; Annotations for a Prometheus that heeds `prometheus.io/*`; Managed runs a Prometheus of the environment, with the alerting rules; Auto makes PodMonitors where their CRD is installed and annotations elsewhere.',
        { default: 'Auto' },
      ),
      alertmanagerURL: Type.Optional(
        Type.String({
          description: 'Alertmanager that the Prometheus of type Managed tells its alerts; without it they only show.',
          maxLength: 512,
          pattern: '^https?://[^/\\s?#@]+(/[^\\s?#]*)?$',
        }),
      ),
    },
    { description: 'Metrics.', default: {} },
  ),
  [
    {
      rule: "!has(self.alertmanagerURL) || (has(self.type) && self.type == 'Managed')",
      message: 'alertmanagerURL needs type Managed',
      fieldPath: '.alertmanagerURL',
      holds: (value) => value.alertmanagerURL === undefined || value.type === 'Managed',
    },
  ],
);

export const observability = Type.Object(
  {
    metrics,
    logs: managedOrNone(
      'Managed runs a Loki of the environment, which keeps the lines of all its containers. The log collector of `config/logs`, once per cluster, ships them.',
    ),
    dashboards: managedOrNone(
      'Managed runs a Grafana with the dashboards at /grafana; its administrator is in Secret `<name>-grafana`. It keeps nothing: what is changed in it is gone with its pod. In any case the dashboards are in ConfigMap `<name>-dashboards` for sidecars (label `grafana_dashboard: "1"`), and a Grafana of the grafana-operator in this namespace takes them.',
    ),
    storage: Type.Object(
      {
        metrics: quantity('Size of the volume of Prometheus; four fifths of it are filled.', { default: '8Gi' }),
        logs: quantity('Size of the volume of Loki.', { default: '8Gi' }),
        storageClassName: Type.Optional(name("StorageClass of these volumes; without it the cluster's default.")),
      },
      { description: 'Volumes of what is Managed.', default: {} },
    ),
    retention: Type.Object(
      {
        metrics: duration('How long Prometheus keeps samples, at least 2h.', { default: '360h', least: '2h' }),
        logs: duration('How long Loki keeps lines, at least 24h.', { default: '168h', least: '24h' }),
      },
      { description: 'How long what is Managed keeps what it has.', default: {} },
    ),
  },
  { description: 'Metrics, logs and dashboards.', default: {} },
);
