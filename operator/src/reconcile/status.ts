import type { Condition, ConditionType, Status } from '../api/types.ts';
import type { EventNote } from '../kube/events.ts';
import { canonicalJson } from '../kube/json.ts';
import type { KubeObject } from '../kube/types.ts';
import { namespaceOf } from '../resources/names.ts';
import { statusOf } from '../status/index.ts';
import type { Certificate, Observed } from '../status/observed.ts';
import { certificateEnd } from './certificate.ts';
import { COLLAB_EDITOR } from './cluster.ts';
import type { Ports, Turn } from './context.ts';
import { rfc3339 } from './time.ts';

/** Works out the status, writes it where it changed, and tells the changes as Events. */
export async function writeStatus(turn: Turn, ports: Ports): Promise<Status> {
  const before = turn.resource.status;
  const after = statusOf(observedBy(turn, ports), rfc3339(ports.now()));
  if (canonicalJson(before) === canonicalJson(after)) return after;
  const { apiVersion, kind, metadata } = turn.raw;
  const { namespace, name } = metadata;
  const written = await ports.client.applyStatus(COLLAB_EDITOR, {
    apiVersion,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    status: after,
  });
  ports.cluster.wrote(written);
  tell(turn.raw, before, after, ports);
  // Paused means that nothing but the status is written; an Event is an object too.
  if (turn.resource.spec.paused) return after;
  announce(turn.raw, before, after, ports);
  if (before === undefined) tellUnverified(turn, ports);
  return after;
}

/** Everything that the status follows from. */
function observedBy(turn: Turn, { cluster, release, now }: Pick<Ports, 'cluster' | 'release' | 'now'>): Observed {
  const { resource, facts, desired, checks, problems, drift } = turn;
  const key = { namespace: namespaceOf(resource), name: resource.metadata.name };
  const children = new Map(cluster.children(key).map((child) => [`${child.kind}/${child.metadata.name}`, child]));
  const pods = cluster.pods(key);
  const certificate = certificateOf(turn, now());
  const collectors = cluster.collectors();
  return { resource, release, facts, desired, children, pods, collectors, checks, problems, certificate, drift };
}

function certificateOf({ resource, referenced }: Turn, now: Date): Certificate | null {
  const { type, ingress } = resource.spec.exposure;
  const secret = ingress.tlsSecretName;
  if (type !== 'Ingress' || secret === undefined) return null;
  const pem = referenced.get(secret)?.['tls.crt'];
  if (pem === undefined) return { secret, state: 'missing' };
  const end = certificateEnd(pem);
  if (end === null) return { secret, state: 'malformed' };
  return { secret, state: end > now ? 'valid' : 'expired' };
}

/** A line where an environment begins or ceases to be usable or broken; what merely progresses is in the status. */
function tell({ metadata }: KubeObject, before: Status | undefined, after: Status, { log }: Pick<Ports, 'log'>): void {
  const about = { namespace: metadata.namespace, name: metadata.name };
  const changed = (type: ConditionType) => {
    const condition = after.conditions?.find((one) => one.type === type);
    const earlier = before?.conditions?.find((one) => one.type === type);
    return condition?.status === (earlier?.status ?? 'False') ? undefined : condition;
  };
  const [ready, degraded] = [changed('Ready'), changed('Degraded')];
  if (ready?.status === 'True') log.info({ ...about, event: 'environment_ready' }, 'The environment is ready');
  else if (ready !== undefined)
    log.warn(
      { ...about, event: 'environment_not_ready', reason: ready.message },
      'The environment is not ready any more',
    );
  if (degraded?.status === 'True')
    log.warn({ ...about, event: 'environment_degraded', reason: degraded.message }, 'The environment is degraded');
  else if (degraded !== undefined)
    log.info({ ...about, event: 'environment_recovered' }, 'The environment is not degraded any more');
}

/** One Event for each condition that got worse or, for Ready, better; what merely progresses is in the status. */
function announce(raw: KubeObject, before: Status | undefined, after: Status, { events }: Pick<Ports, 'events'>): void {
  for (const condition of after.conditions ?? []) {
    const earlier = before?.conditions?.find(({ type }) => type === condition.type);
    const note = noteOf(condition, earlier);
    if (note !== undefined) events.record(raw, note);
  }
}

/** Without mails nobody can prove an address, so registering counts as proof: whoever runs this should know. */
function tellUnverified({ raw, resource }: Turn, { events }: Pick<Ports, 'events'>): void {
  if (resource.spec.services.notification.smtp !== undefined) return;
  const note =
    'spec.services.notification.smtp is not set: mails go to the log, and an address counts as verified when somebody registers with it.';
  events.record(raw, { type: 'Normal', reason: 'AddressesNotVerified', action: 'Reconcile', note });
}

function noteOf({ type, status, reason, message }: Condition, earlier: Condition | undefined): EventNote | undefined {
  if (status !== 'True') return undefined;
  const begins = earlier?.status !== 'True';
  const changes = begins || earlier.reason !== reason || earlier.message !== message;
  if (type === 'Degraded' && changes) return { type: 'Warning', reason, action: 'Reconcile', note: message };
  if ((type === 'Ready' || type === 'Paused') && begins)
    return { type: 'Normal', reason: type, action: 'Reconcile', note: message };
  return undefined;
}
