import { memoryLimitMiB } from './container-resources.ts';
import { scrapeAnnotations } from './monitoring.ts';
import { adminUsers } from './names.ts';
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

/** RabbitMQ with one volume; nothing where the store is external. */
export function rabbitmq(input: DesiredInput): Manifest[] {
  if (input.resource.spec.rabbitmq.managed === undefined) return [];
  return managedStore(input, {
    store: 'rabbitmq',
    ports: [
      { name: 'amqp', containerPort: 5672 },
      { name: 'management', containerPort: 15672 },
      { name: 'prometheus', containerPort: 15692 },
    ],
    files: {
      'rabbitmq.conf': settings(memoryLimitMiB(storeResources(input, 'rabbitmq'))),
      enabled_plugins: '[rabbitmq_management,rabbitmq_prometheus].\n',
      'prepare.sh': prepare,
      'start.sh': start,
    },
    prepare: 'prepare.sh',
    start: 'start.sh',
    // The listener opens last; the command-line tools would cost a second of CPU each time.
    readinessProbe: { tcpSocket: { port: 'amqp' }, periodSeconds: 5, failureThreshold: 3 },
    gracePeriodSeconds: 60,
    annotations: scrapeAnnotations(input, 15692),
  });
}

function settings(limitMiB: number): string {
  return `listeners.tcp.default = 5672
management.tcp.port = 15672
prometheus.tcp.port = 15692
load_definitions = ${runPath}/definitions.json
total_memory_available_override_value = ${limitMiB}MB
vm_memory_high_watermark.relative = 0.6
disk_free_limit.absolute = 200MB
log.console = true
log.console.level = info
log.console.formatter = json
log.connection.level = warning
log.file = false
`;
}

/** The official image keeps the server in /opt/rabbitmq, Debian in /usr/lib/rabbitmq; the plugin's folder tells the version at no cost. */
const prepare = `set -eu
${dataVersionGuard}

image_version=unknown
for plugin in /opt/rabbitmq/plugins/rabbit-[0-9]* /usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins/rabbit-[0-9]*; do
  if [ -e "$plugin" ]; then image_version=$(basename "$plugin" | sed 's/^rabbit-\\([0-9]*\\).*/\\1/'); fi
done
data_version=$(cat ${dataPath}/version 2>/dev/null || echo "$image_version")
if [ "$data_version" != "$image_version" ]; then wrong_version "$data_version" "$image_version"; fi
echo "$image_version" >${dataPath}/version
`;

/**
 * The operator's user is imported at each start, so a lost Secret heals. HOME is not on the volume: Erlang refuses a cookie that the
 * group can read, and a volume's group can. RABBITMQ_LOGS of an image would take the place of the settings of the log.
 */
const start = `set -eu
umask 077
${waitIfWrongVersion}
PATH="/usr/lib/rabbitmq/bin:/opt/rabbitmq/sbin:$PATH"
cat >${runPath}/definitions.json <<END
{
  "users": [{"name": "${adminUsers.rabbitmq}", "password": "$(cat ${secretsPath}/password)", "tags": ["administrator"], "limits": {}}],
  "vhosts": [{"name": "/"}],
  "permissions": [{"user": "${adminUsers.rabbitmq}", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}]
}
END
export HOME=${runPath}
export RABBITMQ_NODENAME=rabbit@localhost
export RABBITMQ_CONFIG_FILE=${configPath}/rabbitmq.conf
export RABBITMQ_CONFIG_FILES='${runPath}/none/*.conf'
export RABBITMQ_ENABLED_PLUGINS_FILE=${configPath}/enabled_plugins
export RABBITMQ_MNESIA_BASE=${dataPath}/mnesia
export RABBITMQ_LOG_BASE=${runPath}/log
unset RABBITMQ_LOGS
export RABBITMQ_PID_FILE=${runPath}/pid
export RABBITMQ_GENERATED_CONFIG_DIR=${runPath}/config
# Erlang sizes a table by the limit of open files, which container runtimes set to a billion.
export ERL_MAX_PORTS=65536
exec rabbitmq-server
`;
