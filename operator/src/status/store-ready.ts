import type { StoreName } from '../api/types.ts';
import { storeName } from '../resources/names.ts';
import { lastVerdict } from './last-verdict.ts';
import type { Observed } from './observed.ts';
import { no, waiting, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';
import { notRunning } from './workload.ts';

const titles: Readonly<Record<StoreName, string>> = { postgres: 'PostgreSQL', redis: 'Redis', rabbitmq: 'RabbitMQ' };

/** DatabaseReady, CacheReady, BrokerReady: the store runs and the operator set its accounts up. */
export function storeReady(observed: Observed, store: StoreName, now: string): Verdict {
  const { managed, external } = observed.resource.spec[store];
  if (managed === undefined && external === undefined) {
    const message = `${titles[store]}: only managed and external are supported by this release; change spec.${store}.`;
    return no('NotSupportedYet', message);
  }
  const set = { kind: 'StatefulSet', name: storeName(observed.resource, store), component: store } as const;
  return (managed === undefined ? null : notRunning(observed, set, now)) ?? checked(observed, store);
}

const stages = { postgres: 'DatabaseReady', redis: 'CacheReady', rabbitmq: 'BrokerReady' } as const;

function checked(observed: Observed, store: StoreName): Verdict {
  const check = observed.checks[store];
  const notYet = waiting(`${titles[store]}: accounts are not set up yet.`);
  switch (check.state) {
    case 'unasked':
      return lastVerdict(observed, stages[store]) ?? notYet;
    case 'waiting':
      return notYet;
    case 'failed':
      return no(check.problem.reason, check.problem.message);
    case 'ok':
      return yes(
        check.note?.reason ?? 'Ready',
        check.note?.message ?? `${titles[store]} answers and every service has its account.`,
      );
  }
}
