import { telemetryPrograms } from '../api/types.ts';
import type { TelemetryProgram } from '../api/types.ts';
import { scraping } from '../resources/monitoring.ts';
import { podMonitorName, telemetryName } from '../resources/names.ts';
import { isManaged } from '../resources/telemetry.ts';
import type { Observed } from './observed.ts';
import { liveCondition } from './read.ts';
import { no, some, waiting, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';
import { notRunning } from './workload.ts';

/** MonitoringReady: Prometheus can find the pods, and whatever is Managed runs. */
export function monitoringReady(observed: Observed, now: string): Verdict {
  return (
    kindMissing(observed) ??
    notAllRunning(observed, now) ??
    objectMissing(observed) ??
    collectorMissing(observed) ??
    yes(...summary(observed))
  );
}

/** A kind that the spec asks for by name. */
function kindMissing({ resource, facts }: Observed): Verdict | null {
  if (resource.spec.observability.metrics.type !== 'PodMonitor' || facts.installed.podMonitor) return null;
  return no('PodMonitorMissing', 'The cluster has no PodMonitor (monitoring.coreos.com).');
}

function notAllRunning(observed: Observed, now: string): Verdict | null {
  for (const program of managed(observed)) {
    const kind = program === 'grafana' ? 'Deployment' : 'StatefulSet';
    const workload = { kind, name: telemetryName(observed.resource, program), component: program } as const;
    const verdict = notRunning(observed, workload, now);
    if (verdict !== null) return verdict;
  }
  return null;
}

function objectMissing({ desired, children }: Observed): Verdict | null {
  const missing = desired.monitoring
    .map(({ kind, metadata }) => ({ key: `${kind}/${metadata.name}`, title: `${kind} ${metadata.name}` }))
    .filter(({ key }) => !children.has(key));
  return missing.length === 0 ? null : waiting(`Not there yet: ${some(missing.map(({ title }) => title))}.`);
}

/** Without it Loki stays empty. */
function collectorMissing({ resource, collectors }: Observed): Verdict | null {
  if (!isManaged(resource.spec, 'loki') || collectors === undefined) return null;
  if (collectors.some((pod) => liveCondition(pod, 'Ready')?.status === 'True')) return null;
  const [pod] = collectors;
  return pod === undefined
    ? no('CollectorMissing', 'No line reaches Loki: the log collector (config/logs) is not installed in this cluster.')
    : no('CollectorNotReady', `No line reaches Loki: Pod ${pod.metadata.name} of the log collector is not ready.`);
}

function summary(observed: Observed): [reason: string, message: string] {
  const how = scraping(observed);
  const programs = managed(observed).map((program) => sentences[program](telemetryName(observed.resource, program)));
  const [reason, metrics] = metricsSummary(observed);
  if (programs.length === 0) return [reason, metrics];
  const first = how === 'Managed' || how === 'None' ? [] : [metrics];
  return [how === 'None' ? 'Managed' : reason, [...first, ...programs].join(' ')];
}

function metricsSummary(observed: Observed): [reason: string, message: string] {
  const { resource, facts } = observed;
  const name = podMonitorName(resource);
  switch (scraping(observed)) {
    case 'None':
      return ['NotWanted', 'spec.observability.metrics.type is None.'];
    case 'Annotations':
      return ['Annotations', 'The pods carry prometheus.io annotations.'];
    case 'Managed':
      return ['Managed', ''];
    case 'PodMonitor': {
      const alerts = facts.installed.prometheusRule
        ? ''
        : '; without PrometheusRule in the cluster there are no alerts';
      return ['PodMonitor', `PodMonitor ${name} selects the pods${alerts}.`];
    }
  }
}

const sentences: Readonly<Record<TelemetryProgram, (name: string) => string>> = {
  prometheus: (name) => `Prometheus ${name} watches the pods.`,
  loki: (name) => `Loki ${name} keeps the lines that the log collector ships.`,
  grafana: (name) => `Grafana ${name} shows the dashboards.`,
};

function managed({ resource }: Observed): TelemetryProgram[] {
  return telemetryPrograms.filter((program) => isManaged(resource.spec, program));
}
