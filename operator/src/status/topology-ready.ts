import type { Observed } from './observed.ts';
import { no, waiting, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** TopologyReady: the broker has the exchange, queues, bindings and policies of the release. */
export function topologyReady({ checks: { topology } }: Observed): Verdict {
  switch (topology.state) {
    case 'waiting':
      return waiting('Exchange and queues are not declared yet.');
    case 'failed':
      return no(topology.problem.reason, topology.problem.message);
    case 'ok':
      return yes(
        topology.note?.reason ?? 'Ready',
        topology.note?.message ?? 'The broker has the exchange, queues, bindings and policies.',
      );
  }
}
