import { parse } from '../api/parse.ts';
import type { Release } from '../api/types.ts';
import { Cluster, COLLAB_EDITOR } from '../reconcile/cluster.ts';
import { differences } from '../reconcile/difference.ts';
import { titleOf } from '../reconcile/apply.ts';
import { observe } from '../reconcile/observe.ts';
import { ContestedFields } from '../reconcile/apply.ts';
import type { Ports, Turn } from '../reconcile/context.ts';
import { ownershipOf, planStep, withHash } from '../reconcile/plan.ts';
import { surplusOf } from '../reconcile/prune.ts';
import { createStores } from '../reconcile/stores/index.ts';
import { childKinds, manifests } from '../resources/index.ts';
import { namespaceOf, storeName } from '../resources/names.ts';
import type { Manifest } from '../resources/types.ts';
import { isNotFound } from '../kube/errors.ts';
import { connect } from './connect.ts';
import type { Console } from './console.ts';

export interface PlanOptions {
  name: string;
  namespace: string | undefined;
}

/** Prints what a reconcile would change. Writes nothing. Returns whether there is any difference. */
export async function plan(options: PlanOptions, release: Release, console: Console): Promise<boolean> {
  const { client, namespace: current } = connect(release.version);
  const namespace = options.namespace ?? current;
  const stop = new AbortController();
  try {
    const raw = await client.get(COLLAB_EDITOR, { namespace, name: options.name }).catch((error: unknown) => {
      throw isNotFound(error) ? new Error(`CollabEditor ${namespace}/${options.name} does not exist`) : error;
    });
    const cluster = new Cluster(
      { client, namespaces: [namespace], childKinds },
      { resourceChanged: () => undefined, childChanged: () => undefined },
    );
    await cluster.start(AbortSignal.any([stop.signal, console.signal]));
    const ports = readOnlyPorts(client, cluster, release);
    const turn = await observe(raw, parse(raw), ports);
    const lines = [
      ...turn.problems.map(({ reason, message }) => `! ${reason}: ${message}`),
      ...(await planLines(turn, ports)),
    ];
    console.out(lines.length === 0 ? 'No differences.\n' : `${lines.join('\n')}\n`);
    return lines.length > 0;
  } finally {
    stop.abort();
    await client.close();
  }
}

async function planLines(turn: Turn, ports: Ports): Promise<string[]> {
  const { desired, raw, resource } = turn;
  const lines: string[] = [];
  for (const { manifest } of desired.secrets)
    if (ports.cluster.child(manifest) === undefined) lines.push(`+ ${titleOf(manifest)}`);
  for (const manifest of manifests(desired)) lines.push(...(await planObject(manifest, turn, ports)));
  const children = ports.cluster.children({ namespace: namespaceOf(resource), name: raw.metadata.name });
  return [...lines, ...surplusOf(turn, children).map((surplus) => `- ${titleOf(surplus)}`)];
}

/** The API server itself says, by a dry run, what would become of an object. */
async function planObject(manifest: Manifest, { raw }: Turn, { cluster, client }: Ports): Promise<string[]> {
  const type = cluster.typeOf(manifest);
  if (type === undefined) return [`! ${titleOf(manifest)}: the API server knows no such kind`];
  const live = cluster.child(manifest) ?? (await client.find(type, manifest.metadata));
  if (live === undefined) return [`+ ${titleOf(manifest)}`];
  if (ownershipOf(live, raw.metadata, raw.metadata.name) === 'foreign')
    return [`! NameConflict: ${titleOf(manifest)} is not part of this environment`];
  const wanted = withHash(manifest);
  const step = planStep(wanted, live);
  if (step.step !== 'apply') return [];
  const after = await client.apply(type, wanted, { dryRun: true });
  const changes = differences(after, live);
  if (changes.length === 0) return [`~ ${titleOf(manifest)}: ${step.fields.join(', ')}`];
  return changes.map(
    ({ field, live: before, wanted: then }) => `~ ${titleOf(manifest)}: ${field}: ${shown(before)} → ${shown(then)}`,
  );
}

function shown(value: unknown): string {
  return value === undefined ? '(none)' : JSON.stringify(value);
}

function readOnlyPorts(client: Ports['client'], cluster: Cluster, release: Release): Ports {
  const silent = () => undefined;
  return {
    client,
    cluster,
    stores: createStores(),
    events: { record: silent },
    contested: new ContestedFields(),
    release,
    log: { info: silent, warn: silent, error: silent, debug: silent },
    now: () => new Date(),
    storeHost: storeName,
  };
}
