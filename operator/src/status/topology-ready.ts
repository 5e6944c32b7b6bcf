import { lastVerdict } from './last-verdict.ts';
import type { Observed } from './observed.ts';
import { no, waiting, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** TopologyReady: the broker has the exchange, queues, bindings and policies of the release. */
export function topologyReady(observed: Observed): Verdict {
  const { topology } = observed.checks;
  const notYet = waiting('Exchange and queues are not declared yet.');
  switch (topology.state) {
    case 'unasked':
      return lastVerdict(observed, 'TopologyReady') ?? notYet;
    case 'waiting':
      return notYet;
    case 'failed':
      return no(topology.problem.reason, topology.problem.message);
    case 'ok':
      return yes(
        topology.note?.reason ?? 'Ready',
        topology.note?.message ?? 'The broker has the exchange, queues, bindings and policies.',
      );
  }
}
