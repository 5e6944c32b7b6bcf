import type { Stores } from './ports.ts';
import { PostgresStore } from './postgres.ts';
import { dropBroker, setUpBroker, setUpTopology } from './rabbitmq.ts';
import { dropCache, setUpCache } from './redis.ts';

/** The real data stores, over the network. */
export function createStores(): Stores {
  const postgres = new PostgresStore();
  return {
    database: (request) => postgres.setUp(request),
    cache: setUpCache,
    broker: setUpBroker,
    topology: setUpTopology,
    dropDatabase: (request) => postgres.drop(request),
    dropCache,
    dropBroker,
  };
}
