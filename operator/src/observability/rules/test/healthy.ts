import { counter, gauge, here, type Labels, ofPod, type Segment, type Series, series } from './series.ts';

const DAY = 86_400;
export const GIB = 1024 ** 3;

export const services = ['user-service', 'document-service', 'realtime-service', 'notification-service'] as const;
export const pods = ['a', 'b'];

/** What two replicas of each service, the stores and the operator say on a good day. */
export function healthy(minutes: number): Series {
  return { ...environment(minutes), ...operator(minutes) };
}

/** Everything of one environment. */
export function environment(minutes: number, of: Labels = here): Series {
  const all: Record<string, string> = {};
  for (const pod of pods) {
    for (const service of services) Object.assign(all, everyService(minutes, service, pod, of));
    Object.assign(all, realtime(minutes, pod, of), user(minutes, pod, of), notification(minutes, pod, of));
  }
  return { ...all, ...rabbitmq(minutes, of) };
}

function everyService(minutes: number, service: string, pod: string, of: Labels): Series {
  const stores =
    service === 'notification-service' ? ['postgres', 'rabbitmq', 'smtp'] : ['postgres', 'redis', 'rabbitmq'];
  const name = (metric: string, labels: Labels = {}): string => ofPod(metric, service, labels, pod, of);
  return {
    [name('up')]: gauge([minutes, 1]),
    ...Object.fromEntries(stores.map((store) => [name('collab_store_up', { store }), gauge([minutes, 1])])),
    ...(service === 'notification-service' ? {} : { [name('collab_outbox_oldest_seconds')]: gauge([minutes, 0.2]) }),
  };
}

export function request(service: string, route: string, status: string, pod = 'a', method = 'GET'): string {
  return ofPod('http_request_duration_seconds_count', service, { method, route, status }, pod);
}

export const upgrade = '/ws/doc/{id}';

function realtime(minutes: number, pod: string, of: Labels): Series {
  const name = (metric: string, labels: Labels = {}): string => ofPod(metric, 'realtime-service', labels, pod, of);
  return {
    ...acknowledged([[minutes, 60]], [[minutes, 60]], pod, of),
    [name('collab_edits_total', { result: 'accepted' })]: counter([minutes, 60]),
    [name('collab_edits_total', { result: 'unavailable' })]: counter([minutes, 0]),
    ...Object.fromEntries(
      ['stale', 'slow', 'resume'].map((reason) => [name('collab_resyncs_total', { reason }), counter([minutes, 0])]),
    ),
    [name('collab_replica_lag_seconds')]: gauge([minutes, 0]),
    [name('http_request_duration_seconds_count', { method: 'GET', route: upgrade, status: '101' })]: counter([
      minutes,
      3,
    ]),
  };
}

/** Edits a minute that were acknowledged, and those of them that were within half a second. */
export function acknowledged(
  all: readonly Segment[],
  inTime: readonly Segment[],
  pod = 'a',
  of: Labels = here,
): Series {
  const name = (metric: string, labels: Labels = {}): string => ofPod(metric, 'realtime-service', labels, pod, of);
  return {
    [name('collab_edit_ack_duration_seconds_count')]: counter(...all),
    [name('collab_edit_ack_duration_seconds_bucket', { le: '0.5' })]: counter(...inTime),
  };
}

function user(minutes: number, pod: string, of: Labels): Series {
  const name = (metric: string, labels: Labels = {}): string => ofPod(metric, 'user-service', labels, pod, of);
  return {
    [name('http_request_duration_seconds_count', { method: 'GET', route: '/documents', status: '200' })]: counter([
      minutes,
      30,
    ]),
    [name('http_request_duration_seconds_count', { method: 'GET', route: '/documents', status: '404' })]: counter([
      minutes,
      3,
    ]),
    [name('collab_postgres_volume_size_bytes')]: gauge([minutes, 10 * GIB]),
    [name('collab_postgres_volume_available_bytes')]: gauge([minutes, 8 * GIB]),
    [name('collab_signing_key_created_timestamp_seconds')]: gauge([minutes, -10 * DAY]),
  };
}

function notification(minutes: number, pod: string, of: Labels): Series {
  const perMinute = { sent: 2, logged: 0, duplicate: 0, retried: 0, dead: 0, ignored: 4 };
  return Object.fromEntries(
    Object.entries(perMinute).map(([result, rate]) => [notifications(result, pod, of), counter([minutes, rate])]),
  );
}

export function notifications(result: string, pod = 'a', of: Labels = here): string {
  return ofPod('collab_notifications_total', 'notification-service', { result }, pod, of);
}

function rabbitmq(minutes: number, of: Labels): Series {
  const name = (metric: string): string => ofPod(metric, 'rabbitmq', {}, '0', of);
  return {
    [name('up')]: gauge([minutes, 1]),
    [name('rabbitmq_disk_space_available_bytes')]: gauge([minutes, 4 * GIB]),
    [name('rabbitmq_disk_space_available_limit_bytes')]: gauge([minutes, 2e8]),
  };
}

const leader = { component: 'operator', namespace: 'collabeditor-system', pod: 'collabeditor-operator-a' };
const standby = { ...leader, pod: 'collabeditor-operator-b' };
const controller = 'collabeditor';

/** A series of the leading replica of the operator. */
function ofLeader(metric: string, labels: Labels = {}): string {
  return series(metric, { ...leader, ...labels });
}

export function ofStandby(metric: string, labels: Labels = {}): string {
  return series(metric, { ...standby, ...labels });
}

/** `collabeditor_condition`, as the scrape leaves it: with the resource's namespace. */
export function condition(type: string, status: string, of: Labels = here): string {
  const { namespace = '', environment: name = '' } = of;
  return series('collabeditor_condition', { component: 'operator', pod: leader.pod, namespace, name, type, status });
}

export const reconciled = (result: string): string =>
  ofLeader('controller_runtime_reconcile_total', { controller, result });
export const depth = {
  leader: ofLeader('workqueue_depth', { name: controller, controller }),
  standby: ofStandby('workqueue_depth', { name: controller, controller }),
};
export const longest = ofLeader('workqueue_longest_running_processor_seconds', { name: controller, controller });
export const silence = ofLeader('watch_silence_seconds', { kind: 'Pod' });
export const workers = ofLeader('controller_runtime_active_workers', { controller });

export const certificate = series('collabeditor_certificate_expiry_timestamp_seconds', {
  component: 'operator',
  pod: leader.pod,
  namespace: here.namespace,
  name: here.environment,
  secret: 'team-tls',
});

/** The operator with a standby, whose queue fills and is not worked on. */
function operator(minutes: number): Series {
  const conditions = { Ready: 'True', Degraded: 'False', Paused: 'False' };
  return {
    [workers]: gauge([minutes, 0]),
    [ofStandby('controller_runtime_active_workers', { controller })]: gauge([minutes, 0]),
    [reconciled('requeue_after')]: counter([minutes, 4]),
    [reconciled('success')]: counter([minutes, 0]),
    [reconciled('error')]: counter([minutes, 0]),
    [ofStandby('controller_runtime_reconcile_total', { controller, result: 'requeue_after' })]: counter([minutes, 0]),
    [depth.leader]: gauge([minutes, 0]),
    [depth.standby]: gauge([minutes, 2]),
    [longest]: gauge([minutes, 0]),
    [silence]: gauge([minutes, 40]),
    [certificate]: gauge([minutes, 60 * DAY]),
    ...Object.fromEntries(
      Object.entries(conditions).flatMap(([type, holds]) =>
        ['True', 'False', 'Unknown'].map((status) => [
          condition(type, status),
          gauge([minutes, status === holds ? 1 : 0]),
        ]),
      ),
    ),
  };
}
