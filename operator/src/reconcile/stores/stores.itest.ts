import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { serviceNames } from '../../api/types.ts';
import { redisAcl } from '../../resources/redis.ts';
import { schemas } from '../../resources/names.ts';
import { Management } from './management.ts';
import { createStores } from './index.ts';
import type { BrokerRequest, CacheRequest, DatabaseRequest } from './ports.ts';

const stores = createStores();
const run = randomBytes(4).toString('hex');
const admin = {
  postgres: required('COLLAB_TEST_DATABASE_URL'),
  redis: required('COLLAB_TEST_REDIS_URL'),
  management: required('COLLAB_TEST_RABBIT_MANAGEMENT_URL'),
};

describe('PostgreSQL', () => {
  const database = `operator_${run}`;
  const request = databaseRequest(database, 'ns/team');

  afterAll(async () => {
    await stores.dropDatabase(request);
    await query(admin.postgres, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  });

  it('[OC20] makes the database, roles and schemas, and a service that can only read and write rows', async () => {
    expect(await stores.database(request)).toEqual({ state: 'ok' });
    expect(await stores.database(request)).toEqual({ state: 'ok' });
    const [user] = request.services;
    if (user === undefined) throw new Error('no service');
    const owner = uriOf(database, user.owner);
    await query(owner, 'CREATE TABLE things (id int)');
    await query(owner, `GRANT SELECT, INSERT ON things TO ${user.app.user}`);
    const app = uriOf(database, user.app);
    await query(app, 'INSERT INTO things VALUES (1)');
    expect(await query(app, 'SELECT id FROM users.things')).toEqual([{ id: 1 }]);
    await expect(query(app, 'CREATE TABLE more (id int)')).rejects.toMatchObject({ code: '42501' });
    await expect(query(app, 'CREATE TABLE documents.more (id int)')).rejects.toMatchObject({ code: '42501' });
    const other = request.services[1];
    if (other === undefined) throw new Error('no service');
    await expect(query(uriOf(database, other.app), 'SELECT id FROM users.things')).rejects.toMatchObject({
      code: '42501',
    });
  });

  it('[OC20] brings a lost role back and sets a changed password', async () => {
    const notification = request.services[3];
    if (notification === undefined) throw new Error('no service');
    await query(uriOf(database), `DROP OWNED BY ${notification.app.user}`);
    await query(uriOf(database), `DROP ROLE ${notification.app.user}`);
    expect(await stores.database(request)).toEqual({ state: 'ok' });
    await query(uriOf(database, notification.app), 'SELECT 1');
    const changed = {
      ...request,
      services: request.services.map((service) => ({
        ...service,
        app: { ...service.app, password: `new-${service.schema}'"` },
      })),
    };
    expect(await stores.database(changed)).toEqual({ state: 'ok' });
    await query(uriOf(database, { ...notification.app, password: 'new-notifications\'"' }), 'SELECT 1');
    expect(await stores.database(request)).toEqual({ state: 'ok' });
  });

  it('[OC21] leaves the database of another environment alone', async () => {
    const check = await stores.database({ ...request, owner: 'other/team' });
    expect(check).toMatchObject({ state: 'failed', problem: { reason: 'StoreInUse' } });
    expect(JSON.stringify(check)).toContain('ns/team');
  });

  it('[OC21] leaves the roles of another environment alone', async () => {
    const second = `operator_second_${run}`;
    await query(admin.postgres, `CREATE DATABASE ${second}`);
    const check = await stores.database({ ...request, adminUri: uriOf(second), owner: 'ns/second' });
    expect(check).toMatchObject({ state: 'failed', problem: { reason: 'StoreInUse' } });
    await query(admin.postgres, `DROP DATABASE ${second} WITH (FORCE)`);
  });

  it('[OC22] makes schemas only where credentials are shared', async () => {
    const shared = `operator_shared_${run}`;
    await query(admin.postgres, `CREATE DATABASE ${shared}`);
    const check = await stores.database({ ...databaseRequest(shared, 'ns/shared'), shared: true });
    expect(check).toMatchObject({ state: 'ok', note: { reason: 'SharedCredentials' } });
    const rows = await query(
      uriOf(shared),
      "SELECT nspname FROM pg_namespace WHERE nspname IN ('users', 'documents', 'realtime', 'notifications')",
    );
    expect(rows).toHaveLength(4);
    await query(admin.postgres, `DROP DATABASE ${shared} WITH (FORCE)`);
  });

  it('[OC35] tells the size of the volume to the user service alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'collabeditor-volume-'));
    const file = join(folder, 'volume');
    chmodSync(folder, 0o755);
    const [user, document] = request.services;
    if (user === undefined || document === undefined) throw new Error('no service');
    const ours = { ...request, volume: { file, reader: user.app.user } };
    const sizes = () =>
      query(uriOf(database, user.app), 'SELECT size_bytes, available_bytes FROM public.collab_volume()');
    try {
      expect(await stores.database(ours)).toEqual({ state: 'ok' });
      expect(await sizes()).toEqual([]);
      writeFileSync(
        file,
        'Filesystem     1024-blocks    Used Available Capacity Mounted on\n/dev/vol 1       10218772 1000000   9202388      10% /data\n',
      );
      expect(await sizes()).toEqual([{ size_bytes: '10464022528', available_bytes: '9423245312' }]);
      const denied = query(uriOf(database, document.app), 'SELECT * FROM public.collab_volume()');
      await expect(denied).rejects.toMatchObject({ code: '42501' });
      await query(uriOf(database), 'DROP FUNCTION public.collab_volume()');
      expect(await stores.database(ours)).toEqual({ state: 'ok' });
      expect(await sizes()).toHaveLength(1);
      utimesSync(file, new Date(0), new Date(0));
      expect(await sizes()).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('[OC26] tells what is wrong without a secret', async () => {
    const away = await stores.database({ ...request, adminUri: 'postgresql://postgres:verysecret@127.0.0.1:1/collab' });
    expect(away).toMatchObject({ state: 'failed', problem: { reason: 'Unreachable' } });
    const refused = await stores.database({
      ...request,
      adminUri: uriOf(database, { user: 'postgres', password: 'verysecret' }),
    });
    expect(refused).toMatchObject({ state: 'failed', problem: { reason: 'AuthenticationFailed' } });
    expect(JSON.stringify([away, refused])).not.toContain('verysecret');
  });

  it('[OC27] takes away what it made', async () => {
    expect(await stores.dropDatabase(request)).toEqual({ state: 'ok' });
    expect(
      await query(
        uriOf(database),
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('users', 'collabeditor_operator')",
      ),
    ).toEqual([]);
    const roles = request.services.map(({ app }) => `'${app.user}'`).join(',');
    expect(await query(admin.postgres, `SELECT rolname FROM pg_roles WHERE rolname IN (${roles})`)).toEqual([]);
  });
});

describe('RabbitMQ', () => {
  const management = new Management(admin.management);
  const virtualHost = `operator-${run}`;
  const request: BrokerRequest = {
    managementUri: admin.management,
    ca: undefined,
    virtualHost,
    owner: 'ns/team',
    accounts: {
      user: { user: `user-${run}`, password: 'a' },
      document: { user: `document-${run}`, password: 'b' },
      realtime: { user: `realtime-${run}`, password: 'c' },
      notification: { user: `notification-${run}`, password: 'd' },
    },
  };

  beforeAll(async () => management.put(['vhosts', virtualHost], {}));
  afterAll(async () => {
    await stores.dropBroker(request);
    await management.remove('vhosts', virtualHost);
    await management[Symbol.asyncDispose]();
  });

  it('[OC23] makes users and the topology', async () => {
    expect(await stores.broker(request)).toEqual({ state: 'ok' });
    expect(await stores.topology(request)).toEqual({ state: 'ok' });
    const queues = await names('queues', virtualHost);
    expect(queues).toEqual([
      'documents',
      'notifications',
      'notifications.dead',
      ...[1, 2, 3, 4, 5].map((n) => `notifications.retry.${n}`),
      'users',
    ]);
    expect(await names('policies', virtualHost)).toContain('notifications.retry.1');
    const permissions = await management.get('permissions', virtualHost, `user-${run}`);
    expect(permissions).toMatchObject({ configure: '^$', write: '^collab\\.events$', read: '^users$' });
  });

  it('[OC23] brings a deleted queue with its bindings, a binding, a policy and a password back', async () => {
    await management.remove('queues', virtualHost, 'notifications');
    await management.remove('bindings', virtualHost, 'e', 'collab.events', 'q', 'users', 'user.invited');
    await management.remove('policies', virtualHost, 'notifications.retry.2');
    await management.put(['users', `user-${run}`], { password: 'stolen', tags: 'administrator' });
    expect(await stores.broker(request)).toEqual({ state: 'ok' });
    expect(await stores.topology(request)).toEqual({ state: 'ok' });
    expect(await names('queues', virtualHost)).toContain('notifications');
    const bindings = await management.get('exchanges', virtualHost, 'collab.events', 'bindings', 'source');
    const keys = (Array.isArray(bindings) ? bindings : [])
      .map((one: { destination: string; routing_key: string }) => `${one.destination} ${one.routing_key}`)
      .sort();
    expect(keys).toEqual([
      'documents document.changed',
      'documents user.deleted',
      'documents user.verified',
      'notifications mail.*',
      'notifications user.*',
      'users user.invited',
    ]);
    expect(await names('policies', virtualHost)).toContain('notifications.retry.2');
    const uri = new URL(admin.management);
    [uri.username, uri.password] = [`user-${run}`, 'a'];
    const check = await stores.topology({ ...request, managementUri: uri.href });
    expect(check).toMatchObject({ state: 'failed', problem: { reason: 'AuthenticationFailed' } });
  });

  it('[OC23] writes nothing where nothing is missing', async () => {
    const before = await management.get('users', `document-${run}`);
    expect(await stores.broker(request)).toEqual({ state: 'ok' });
    expect(await management.get('users', `document-${run}`)).toEqual(before);
  });

  it('[OC21] leaves the virtual host of another environment alone', async () => {
    expect(await stores.broker({ ...request, owner: 'other/team' })).toMatchObject({
      state: 'failed',
      problem: { reason: 'StoreInUse' },
    });
  });

  it('[OC21] leaves the users of another environment alone', async () => {
    const elsewhere = { ...request, virtualHost: `${virtualHost}-2`, owner: 'ns/second' };
    expect(await stores.broker(elsewhere)).toMatchObject({ state: 'failed', problem: { reason: 'StoreInUse' } });
  });

  it('[OC26] tells a broker that is away', async () => {
    const away = await stores.broker({ ...request, managementUri: 'http://admin:verysecret@127.0.0.1:1' });
    expect(away).toMatchObject({ state: 'failed', problem: { reason: 'Unreachable' } });
    expect(JSON.stringify(away)).not.toContain('verysecret');
  });

  it('[OC27] takes away what it made', async () => {
    expect(await stores.dropBroker(request)).toEqual({ state: 'ok' });
    expect(await names('queues', virtualHost)).toEqual([]);
    expect(await management.get('users', `user-${run}`)).toBeUndefined();
  });

  async function names(kind: string, vhost: string): Promise<string[]> {
    const found = await management.get(kind, vhost);
    return (Array.isArray(found) ? found : []).map(({ name }: { name: string }) => name).sort();
  }
});

describe('Redis', () => {
  const account = { user: 'realtime', password: `pw-${run}` };
  const request: CacheRequest = {
    uri: admin.redis,
    ca: undefined,
    accounts: [{ account, rights: redisAcl('realtime') }],
    owner: 'ns/team',
  };

  it('[OC25] lets a service reach its own keys and channels only', async () => {
    expect(await stores.cache(request)).toEqual({ state: 'ok' });
    const url = new URL(admin.redis);
    [url.username, url.password] = [account.user, account.password];
    const redis = new Redis(url.href, { maxRetriesPerRequest: 0, lazyConnect: true });
    redis.on('error', () => undefined);
    await redis.connect();
    await redis.set(`realtime:${run}`, '1', 'EX', 60);
    await redis.publish(`realtime:${run}`, 'x');
    await expect(redis.set(`user:${run}`, '1')).rejects.toThrow(/NOPERM/);
    await expect(redis.publish('user:x', 'x')).rejects.toThrow(/NOPERM/);
    await expect(redis.call('FLUSHALL')).rejects.toThrow(/NOPERM/);
    redis.disconnect();
    expect(await stores.dropCache(request)).toEqual({ state: 'ok' });
  });

  it('[OC22, OC26] tells shared credentials, and a Redis that is away', async () => {
    expect(await stores.cache({ ...request, accounts: [] })).toMatchObject({
      state: 'ok',
      note: { reason: 'SharedCredentials' },
    });
    const away = await stores.cache({ ...request, uri: 'redis://:verysecret@127.0.0.1:1' });
    expect(away).toMatchObject({ state: 'failed', problem: { reason: 'Unreachable' } });
    const refused = await stores.cache({
      ...request,
      uri: admin.redis.replace('redis://', 'redis://nobody:verysecret@'),
    });
    expect(refused).toMatchObject({ state: 'failed', problem: { reason: 'AuthenticationFailed' } });
    expect(JSON.stringify([away, refused])).not.toContain('verysecret');
  });
});

function databaseRequest(database: string, owner: string): DatabaseRequest {
  const services = serviceNames.map((service) => ({
    schema: schemas[service],
    app: { user: `${database}_${schemas[service]}`, password: `app '${service}` },
    owner: { user: `${database}_${schemas[service]}_owner`, password: `owner ${service}` },
  }));
  return { adminUri: uriOf(database), ca: undefined, services, shared: false, owner, volume: undefined };
}

function uriOf(database: string, account?: { user: string; password: string }): string {
  const url = new URL(admin.postgres);
  url.pathname = `/${database}`;
  if (account !== undefined) [url.username, url.password] = [account.user, encodeURIComponent(account.password)];
  return url.href;
}

async function query(uri: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: uri });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run this through the integration project`);
  return value;
}
