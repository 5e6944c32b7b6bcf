import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { run } from './command.ts';

/** A key pair to make. Without a signer it is an authority of its own. */
interface CertificateRequest {
  readonly name: string;
  readonly commonName: string;
  readonly organization?: readonly string[];
  readonly signer?: string;
  readonly addresses?: readonly string[];
  readonly names?: readonly string[];
}

/** Someone who talks to the API server. The file names come from `name`. */
export interface Client {
  readonly name: string;
  readonly user: string;
  readonly group?: string;
}

/** The group that may do everything. */
export const administrators = 'system:masters';

/** Who the API server is, to its clients' and to its own eyes. */
interface ServerIdentity {
  readonly url: string;
  readonly addresses: readonly string[];
}

/** Makes the authorities, the server's certificates and one kubeconfig for each client, unless they are there. */
export async function makeCredentials(
  certificatesProgram: string,
  folder: string,
  server: ServerIdentity,
  clients: readonly Client[],
): Promise<void> {
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const requests: CertificateRequest[] = [
    { name: 'ca', commonName: 'collabeditor-test-cluster' },
    { name: 'front-proxy-ca', commonName: 'collabeditor-test-cluster-front-proxy' },
    { name: 'service-accounts', commonName: 'service-accounts' },
    {
      name: 'server',
      commonName: 'server',
      signer: 'ca',
      addresses: server.addresses,
      names: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
    },
    { name: 'front-proxy', commonName: 'front-proxy', signer: 'front-proxy-ca' },
    ...clients.map(({ name, user, group }) => ({
      name,
      commonName: user,
      signer: 'ca',
      ...(group === undefined ? {} : { organization: [group] }),
    })),
  ];
  await run(certificatesProgram, [folder], { input: JSON.stringify(requests) });
  for (const client of clients) await writeKubeconfig(folder, client.name, server.url);
  await writeFile(complete, '');
}

/** Writes `NAME.kubeconfig`, or a further one under another name, with everything it needs inside. */
export async function writeKubeconfig(folder: string, client: string, url: string, name = client): Promise<string> {
  const encoded = async (file: string): Promise<string> => (await readFile(join(folder, file))).toString('base64');
  // JSON is YAML.
  const kubeconfig = JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'cluster',
      contexts: [{ name: 'cluster', context: { cluster: 'cluster', user: client } }],
      clusters: [{ name: 'cluster', cluster: { server: url, 'certificate-authority-data': await encoded('ca.crt') } }],
      users: [
        {
          name: client,
          user: {
            'client-certificate-data': await encoded(`${client}.crt`),
            'client-key-data': await encoded(`${client}.key`),
          },
        },
      ],
    },
    null,
    2,
  );
  await writeFile(join(folder, `${name}.kubeconfig`), kubeconfig, { mode: 0o600 });
  return kubeconfig;
}
