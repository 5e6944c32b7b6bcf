import type { ServiceName } from '../api/types.ts';
import { memoryLimitMiB } from './container-resources.ts';
import { adminUsers, serviceName, storeUsers } from './names.ts';
import {
  configPath,
  dataPath,
  dataVersionGuard,
  managedStore,
  runPath,
  secretsPath,
  storeResources,
  userPasswords,
  waitIfWrongVersion,
} from './store.ts';
import type { DesiredInput, Manifest } from './types.ts';

/** ACL rules of a service's user, without its password: its own keys and channels, no administration. */
export function redisAcl(service: ServiceName): string[] {
  // `info` is among the dangerous commands, but clients ask it whether the server is still loading.
  return ['on', `~${service}:*`, `&${service}:*`, '+@all', '-@admin', '-@dangerous', '+info'];
}

/** Redis with one volume; nothing where the store is external. */
export function redis(input: DesiredInput): Manifest[] {
  if (input.resource.spec.redis.managed === undefined) return [];
  return managedStore(input, {
    store: 'redis',
    ports: [{ name: 'redis', containerPort: 6379 }],
    files: {
      'redis.conf': settings(memoryLimitMiB(storeResources(input, 'redis'))),
      'prepare.sh': prepare,
      'start.sh': start,
      'ready.sh': ready,
    },
    prepare: 'prepare.sh',
    start: 'start.sh',
    readinessProbe: {
      exec: { command: ['/bin/sh', `${configPath}/ready.sh`] },
      periodSeconds: 5,
      timeoutSeconds: 3,
      failureThreshold: 3,
    },
    gracePeriodSeconds: 30,
    secrets: userPasswords('redis', 'redis-password', (service) => serviceName(input.resource, service)),
  });
}

/** Everything in Redis can be had from PostgreSQL again, so the oldest goes when memory runs short. */
function settings(limitMiB: number): string {
  return `bind * -::*
port 6379
protected-mode no
dir ${dataPath}
aclfile ${runPath}/users.acl
appendonly yes
appendfsync everysec
save ""
maxmemory ${Math.floor(limitMiB * 0.6)}mb
maxmemory-policy allkeys-lru
`;
}

const majorVersion = `redis-server --version | sed 's/.*v=\\([0-9]*\\).*/\\1/'`;

const prepare = `set -eu
${dataVersionGuard}

image_version=$(${majorVersion})
data_version=$(cat ${dataPath}/version 2>/dev/null || echo "$image_version")
# A newer server reads what an older one wrote; the other way round it refuses.
if [ "$data_version" -gt "$image_version" ]; then wrong_version "$data_version" "$image_version"; fi
echo "$image_version" >${dataPath}/version
`;

const start = `set -eu
umask 077
${waitIfWrongVersion}
{
  echo "user default off"
  echo "user ${adminUsers.redis} on ~* &* +@all >$(cat ${secretsPath}/password)"
${storeUsers.redis.map((service) => `  echo "user ${service} ${redisAcl(service).join(' ')} >$(cat ${secretsPath}/${service})"`).join('\n')}
} >${runPath}/users.acl
cp ${secretsPath}/password ${runPath}/password
exec redis-server ${configPath}/redis.conf
`;

/** Asks with the password that was in force at the start; it travels by the environment, where no process list shows it. */
const ready = `REDISCLI_AUTH=$(cat ${runPath}/password)
export REDISCLI_AUTH
[ "$(redis-cli --user ${adminUsers.redis} --no-auth-warning ping)" = PONG ]
`;
