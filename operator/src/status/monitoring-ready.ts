import { scraping } from '../resources/monitoring.ts';
import { podMonitorName } from '../resources/names.ts';
import type { Observed } from './observed.ts';
import { no, waiting, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** MonitoringReady: Prometheus can find the pods. */
export function monitoringReady({ resource, release, facts, children }: Observed): Verdict {
  switch (scraping({ resource, release, facts })) {
    case 'None':
      return yes('NotWanted', 'spec.observability.metrics.type is None.');
    case 'Annotations':
      return yes('Annotations', 'The pods carry prometheus.io annotations.');
    case 'PodMonitor': {
      const name = podMonitorName(resource);
      if (!facts.installed.podMonitor)
        return no('PodMonitorMissing', 'The cluster has no PodMonitor (monitoring.coreos.com).');
      return children.has(`PodMonitor/${name}`)
        ? yes('PodMonitor', `PodMonitor ${name} selects the pods.`)
        : waiting(`PodMonitor ${name} is not there yet.`);
    }
  }
}
