import { mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStores, type Stores } from './stores.ts';

interface Running {
  readonly stores: Stores;
  readonly dataDir: string;
}

let running: Running | undefined;

/** Starts the stores once for all integration tests of this run. Each suite takes a database and a vhost of its own. */
export default async function setup(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'collabeditor-test-'));
  chmodSync(dataDir, 0o755);
  const stores = await startStores({ dataDir, fsync: false });
  running = { stores, dataDir };
  process.env['COLLAB_TEST_DATABASE_URL'] = stores.databaseUrl;
  process.env['COLLAB_TEST_REDIS_URL'] = stores.redisUrl;
  process.env['COLLAB_TEST_AMQP_URL'] = stores.amqpUrl;
  process.env['COLLAB_TEST_RABBIT_MANAGEMENT_URL'] = stores.managementUrl;
}

export async function stop(): Promise<void> {
  await running?.stores[Symbol.asyncDispose]();
  if (running) rmSync(running.dataDir, { recursive: true, force: true });
}
