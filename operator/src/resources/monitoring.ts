import { child } from './child.ts';
import { environmentLabels } from './labels.ts';
import { podMonitorName } from './names.ts';
import type { DesiredInput, Manifest } from './types.ts';

export const telemetryPort = 9090;

type Scraping = 'PodMonitor' | 'Annotations' | 'None';

/** How Prometheus is told of the pods. */
export function scraping({ resource, facts }: DesiredInput): Scraping {
  const { type } = resource.spec.observability.metrics;
  if (type === 'Auto') return facts.installed.podMonitor ? 'PodMonitor' : 'Annotations';
  // `Managed` is not there yet and is reported; meanwhile the pods are as easy to find as with Auto.
  return type === 'Managed' ? 'Annotations' : type;
}

/** Annotations of a pod whose metrics are at `port`. */
export function scrapeAnnotations(input: DesiredInput, port: number): Record<string, string> {
  if (scraping(input) !== 'Annotations') return {};
  return { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(port), 'prometheus.io/path': '/metrics' };
}

/** One PodMonitor for the services' telemetry port and RabbitMQ's. */
export function monitoring(input: DesiredInput): Manifest[] {
  const { resource, facts } = input;
  if (scraping(input) !== 'PodMonitor' || !facts.installed.podMonitor) return [];
  const about = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    name: podMonitorName(resource),
    component: 'metrics',
    role: 'environment',
  } as const;
  return [
    child(resource, about, {
      spec: {
        selector: { matchLabels: environmentLabels(resource) },
        podMetricsEndpoints: [
          { port: 'telemetry', path: '/metrics' },
          { port: 'prometheus', path: '/metrics' },
        ],
      },
    }),
  ];
}
