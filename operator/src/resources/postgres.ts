import { memoryLimitMiB } from './container-resources.ts';
import {
  configPath,
  dataPath,
  dataVersionGuard,
  managedStore,
  runPath,
  secretsPath,
  storeResources,
  waitIfWrongVersion,
} from './store.ts';
import type { DesiredInput, Manifest } from './types.ts';

const pgdata = `${dataPath}/pgdata`;

/** What `df` says of the volume, written every half minute; PostgreSQL itself can't look. */
export const volumeFile = `${runPath}/volume`;

/** PostgreSQL with one volume; nothing where the store is external. */
export function postgres(input: DesiredInput): Manifest[] {
  if (input.resource.spec.postgres.managed === undefined) return [];
  return managedStore(input, {
    store: 'postgres',
    ports: [{ name: 'postgres', containerPort: 5432 }],
    files: {
      'postgresql.conf': settings(memoryLimitMiB(storeResources(input, 'postgres'))),
      'pg_hba.conf': 'local all all trust\nhost all all all scram-sha-256\n',
      'prepare.sh': prepare,
      'start.sh': start,
      'ready.sh': ready,
    },
    prepare: 'prepare.sh',
    start: 'start.sh',
    readinessProbe: {
      exec: { command: ['/bin/sh', `${configPath}/ready.sh`] },
      periodSeconds: 5,
      timeoutSeconds: 5,
      failureThreshold: 3,
    },
    // SIGTERM waits for clients to leave; SIGINT is the fast shutdown.
    preStop: { exec: { command: ['/bin/sh', '-c', 'kill -INT 1'] } },
    gracePeriodSeconds: 120,
  });
}

function settings(limitMiB: number): string {
  return `listen_addresses = '*'
unix_socket_directories = '${runPath}'
hba_file = '${configPath}/pg_hba.conf'
max_connections = 300
shared_buffers = ${Math.max(16, Math.floor(limitMiB / 6))}MB
effective_cache_size = ${Math.floor(limitMiB / 2)}MB
max_wal_size = 1GB
wal_compression = on
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
${quietLog}idle_in_transaction_session_timeout = '60s'
`;
}

/**
 * A line that a collector can read, and never a value: statements, parameters and the details of an error quote what users wrote.
 * What goes well is not told.
 */
const quietLog = `log_line_prefix = '%m [%p] '
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_checkpoints = off
log_autovacuum_min_duration = -1
`;

/** The official image has the programs on the PATH, Debian's package in a folder of the major version. */
const programs = `set -eu
for bin in /usr/lib/postgresql/*/bin; do
  if [ -x "$bin/postgres" ]; then PATH="$bin:$PATH"; fi
done`;

const prepare = `${programs}
umask 077
${dataVersionGuard}

image_version=$(postgres --version | sed 's/^[^0-9]*\\([0-9]*\\).*/\\1/')
if [ -s ${pgdata}/PG_VERSION ]; then
  data_version=$(cat ${pgdata}/PG_VERSION)
  if [ "$data_version" != "$image_version" ]; then wrong_version "$data_version" "$image_version"; fi
elif [ -e ${pgdata} ]; then
  echo "${pgdata} exists without PG_VERSION; it is not touched" | tee /dev/termination-log
  exit 1
else
  # Renamed only when whole: a half-made cluster is never taken for one.
  rm -rf ${dataPath}/initdb
  initdb --pgdata=${dataPath}/initdb --username=postgres --encoding=UTF8 --locale=C.UTF-8 --data-checksums --auth=trust
  sync
  mv ${dataPath}/initdb ${pgdata}
fi
chmod 0700 ${pgdata}

# A StatefulSet runs at most one pod of this name, so a lock file is a dead pod's.
rm -f ${pgdata}/postmaster.pid

# A lost Secret heals: the password is set again at each start, by local trust.
printf "ALTER ROLE postgres PASSWORD '%s'\\n" "$(cat ${secretsPath}/password)" |
  postgres --single -D ${pgdata} -c config_file=${configPath}/postgresql.conf -c log_min_error_statement=panic postgres >/dev/null
`;

/** `$$` is the server, once it has taken the script's place: the loop ends with it. */
const start = `${programs}
${waitIfWrongVersion}
while kill -0 $$ 2>/dev/null; do
  df -Pk ${dataPath} >${volumeFile}.new 2>/dev/null && mv ${volumeFile}.new ${volumeFile}
  sleep 30
done </dev/null >/dev/null 2>&1 &
exec postgres -D ${pgdata} -c config_file=${configPath}/postgresql.conf
`;

const ready = `${programs}
exec pg_isready --quiet --host=127.0.0.1 --username=postgres
`;
