/** The operator inside a test: real caches, queue and reconcile; stores as the test has them. */
import { createLogger } from '../src/commands/log.ts';
import { newRegistry } from '../src/kube/metrics.ts';
import { releaseFrom } from '../src/api/release.ts';
import { createOperator } from '../src/reconcile/operator.ts';
import type { Stores } from '../src/reconcile/stores/ports.ts';
import type { Seen, TestCluster } from './cluster.ts';

export interface TestOperator extends AsyncDisposable {
  /** Requests to the API server, in order. */
  seen: Seen[];
  /** How many reconciles have ended. */
  turns: () => Promise<number>;
}

export async function startOperator(
  cluster: Pick<TestCluster, 'clientFor'>,
  namespace: string,
  stores: Stores,
): Promise<TestOperator> {
  const { client, seen } = cluster.clientFor('collabeditor-operator');
  const registry = newRegistry();
  const log = createLogger(process.env['LOG_LEVEL'] ?? 'silent', (line) => process.stderr.write(line));
  const operator = createOperator({
    client,
    namespaces: [namespace],
    release: releaseFrom({}, '0.1.0'),
    stores,
    storeHost: () => '127.0.0.1',
    log,
    registry,
  });
  const stop = new AbortController();
  await operator.start(stop.signal);
  const running = operator.control(stop.signal);
  return {
    seen,
    turns: async () => {
      const metric = await registry.getSingleMetric('controller_runtime_reconcile_total')?.get();
      return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
      await operator.flush();
      await client.close();
    },
  };
}

/** Stores that are always as wanted; each answer can be replaced. */
export function contentStores(replaced: Partial<Stores> = {}): Stores {
  const ok = async () => ({ state: 'ok' }) as const;
  return {
    database: ok,
    cache: ok,
    broker: ok,
    topology: ok,
    dropDatabase: ok,
    dropCache: ok,
    dropBroker: ok,
    ...replaced,
  };
}
