/** How a Prometheus that is there already is told of the pods: PodMonitor and PrometheusRule, or annotations. */
import { environmentRules } from '../observability/rules/index.ts';
import { child } from './child.ts';
import { environmentLabels } from './labels.ts';
import { namespaceOf, podMonitorName, prometheusRuleName } from './names.ts';
import { environmentJobs, targetLabels } from './scrape.ts';
import type { Relabel, ScrapeJob } from './scrape.ts';
import type { DesiredInput, Manifest } from './types.ts';

export const telemetryPort = 9090;

type Scraping = 'PodMonitor' | 'Annotations' | 'Managed' | 'None';

/** How Prometheus is told of the pods. */
export function scraping({ resource, facts }: DesiredInput): Scraping {
  const { type } = resource.spec.observability.metrics;
  if (type === 'Auto') return facts.installed.podMonitor ? 'PodMonitor' : 'Annotations';
  return type;
}

/** Annotations of a pod whose metrics are at `port`. */
export function scrapeAnnotations(input: DesiredInput, port: number): Record<string, string> {
  if (scraping(input) !== 'Annotations') return {};
  return { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(port), 'prometheus.io/path': '/metrics' };
}

/** What the prometheus-operator is told; each kind where it is installed. */
export function monitoring(input: DesiredInput): Manifest[] {
  const { installed } = input.facts;
  if (scraping(input) !== 'PodMonitor') return [];
  return [
    ...(installed.podMonitor ? [podMonitor(input)] : []),
    ...(installed.prometheusRule ? [prometheusRule(input)] : []),
  ];
}

function podMonitor(input: DesiredInput): Manifest {
  const { resource } = input;
  const about = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    name: podMonitorName(resource),
    component: 'metrics',
    role: 'monitoring',
  } as const;
  return child(resource, about, {
    spec: {
      selector: { matchLabels: environmentLabels(resource) },
      podMetricsEndpoints: environmentJobs(input).map(endpoint),
    },
  });
}

function endpoint(job: ScrapeJob) {
  const { port, path, params, relabelSeries } = job;
  return {
    port,
    path,
    ...(params === undefined ? {} : { params }),
    relabelings: targetLabels(job).map(inCamelCase),
    ...(relabelSeries === undefined ? {} : { metricRelabelings: relabelSeries.map(inCamelCase) }),
  };
}

/** The prometheus-operator's spelling of a step. */
function inCamelCase({ source_labels: sourceLabels, target_label: targetLabel, ...others }: Relabel) {
  return {
    ...(sourceLabels === undefined ? {} : { sourceLabels }),
    ...(targetLabel === undefined ? {} : { targetLabel }),
    ...others,
  };
}

function prometheusRule({ resource }: DesiredInput): Manifest {
  const about = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    name: prometheusRuleName(resource),
    component: 'alerts',
    role: 'monitoring',
  } as const;
  const target = { namespace: namespaceOf(resource), environment: resource.metadata.name };
  return child(resource, about, { spec: { groups: environmentRules(target) } });
}
