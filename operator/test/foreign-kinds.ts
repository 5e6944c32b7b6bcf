/** Kinds of other people's operators, as far as an API server needs them to take objects of theirs. */
import { childKinds } from '../src/resources/index.ts';
import type { KubeObject } from '../src/kube/types.ts';
import { CRD, until, type TestCluster } from './cluster.ts';

/** Installs minimal definitions of the kinds of an API group that the operator makes objects of. */
export async function installKinds(cluster: TestCluster, group: string): Promise<void> {
  const kinds = childKinds.filter(({ apiVersion }) => apiVersion.startsWith(`${group}/`));
  for (const kind of kinds) await cluster.client.create(CRD, definition(group, kind));
  for (const { apiVersion, plural } of kinds)
    await until(`${plural} are served`, async () =>
      (await cluster.client.discover(apiVersion)).some((served) => served.plural === plural),
    );
}

function definition(
  group: string,
  { apiVersion, kind, plural }: { apiVersion: string; kind: string; plural: string },
): KubeObject {
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    },
  };
  const name = apiVersion.slice(group.length + 1);
  return {
    apiVersion: CRD.apiVersion,
    kind: CRD.kind,
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural },
      versions: [{ name, served: true, storage: true, schema }],
    },
  };
}
