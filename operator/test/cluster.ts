/** A real API server with the resource installed, for tests of the operator. Workload controllers are played by `play.ts`. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crd } from '../src/api/crd.ts';
import { KubeClient } from '../src/kube/client.ts';
import { Credentials, readKubeconfig } from '../src/kube/credentials.ts';
import { textAt } from '../src/kube/json.ts';
import type { KubeObject, ResourceType } from '../src/kube/types.ts';
import { startApiServer } from '../../test/cluster/src/api.ts';

export const NAMESPACE: ResourceType = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };
export const CRD: ResourceType = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

/** One request as the client made it. */
export interface Seen {
  method: string;
  path: string;
  status: number;
}

export interface TestCluster extends AsyncDisposable {
  /** The test's own hands; its requests are not counted. */
  client: KubeClient;
  kubeconfigPath: string;
  /** A client under another name whose requests are listed. */
  clientFor: (fieldManager: string) => { client: KubeClient; seen: Seen[] };
  /** A kubeconfig with the rights of a ServiceAccount. */
  kubeconfigOf: (account: { namespace: string; name: string }) => Promise<string>;
  /** Makes a namespace of its own. */
  namespace: (name: string) => Promise<string>;
  /** Takes the API server away for good. */
  stopServer: () => Promise<void>;
}

let count = 0;

export async function startCluster(): Promise<TestCluster> {
  const server = await startApiServer();
  const config = readKubeconfig(server.kubeconfigPath);
  const opened: KubeClient[] = [];
  const clientFor = (fieldManager: string) => {
    const seen: Seen[] = [];
    const observe = (request: Seen) => seen.push(request);
    const client = new KubeClient({ credentials: new Credentials(config), userAgent: 'test', fieldManager, observe });
    opened.push(client);
    return { client, seen };
  };
  const { client } = clientFor('somebody');
  await client.create(CRD, crd());
  await until('the resource is served', async () => (await client.discover('collabeditor.dev/v1alpha1')).length > 0);
  return {
    client,
    kubeconfigPath: server.kubeconfigPath,
    clientFor,
    kubeconfigOf: async (account) => {
      const file = join(dirname(server.kubeconfigPath), `${account.namespace}-${account.name}.kubeconfig`);
      writeFileSync(file, JSON.stringify(kubeconfig(config, await tokenOf(account, client))), { mode: 0o600 });
      return file;
    },
    namespace: async (prefix) => {
      const name = `${prefix}-${(count += 1)}`;
      await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      return name;
    },
    stopServer: async () => server[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((one) => one.close()));
      await server[Symbol.asyncDispose]();
    },
  };
}

async function tokenOf({ namespace, name }: { namespace: string; name: string }, client: KubeClient): Promise<string> {
  const type = { apiVersion: 'v1', kind: 'TokenRequest', plural: `serviceaccounts/${name}/token`, namespaced: true };
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { namespace, name },
    spec: { expirationSeconds: 3600 },
  };
  return textAt(await client.create(type, request), 'status', 'token') ?? '';
}

function kubeconfig(from: ReturnType<typeof readKubeconfig>, token: string): unknown {
  const { server, caFile, caData } = from.getCurrentCluster() ?? { server: '' };
  const ca = caFile === undefined ? { 'certificate-authority-data': caData } : { 'certificate-authority': caFile };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, ...ca } }],
    users: [{ name: 'account', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'account' } }],
    'current-context': 'test',
  };
}

/** Asks until the answer is neither false nor undefined. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  seconds = 20,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A CollabEditor. */
export function environment(namespace: string, name: string, spec: Record<string, unknown> = {}): KubeObject {
  return { apiVersion: 'collabeditor.dev/v1alpha1', kind: 'CollabEditor', metadata: { namespace, name }, spec };
}
