import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CRD, environment, startCluster } from '../../test/cluster.ts';
import type { TestCluster } from '../../test/cluster.ts';
import { wrongNames, wrongSpecs } from '../../test/wrong-specs.ts';
import type { KubeObject, ResourceType } from '../kube/types.ts';
import { parse } from './parse.ts';

const resources: ResourceType = {
  apiVersion: 'collabeditor.dev/v1alpha1',
  kind: 'CollabEditor',
  plural: 'collabeditors',
  namespaced: true,
};
let cluster: TestCluster;
let namespace: string;

beforeAll(async () => {
  cluster = await startCluster();
  namespace = await cluster.namespace('api');
}, 120_000);

afterAll(async () => cluster[Symbol.asyncDispose]());

describe('the API server', () => {
  it('[OA6] serves the resource with its short name, category and columns', async () => {
    const crd = await cluster.client.get(CRD, { name: 'collabeditors.collabeditor.dev' });
    expect(crd['status']).toMatchObject({
      acceptedNames: { shortNames: ['ce'], categories: ['all'], plural: 'collabeditors' },
    });
    const table = await cluster.client.raw(`/apis/collabeditor.dev/v1alpha1/namespaces/${namespace}/collabeditors`);
    expect(table).toMatchObject({ kind: 'CollabEditorList' });
    expect(JSON.stringify(crd['spec'])).toContain('.status.servicesReady');
  });

  it('[OA1, OA13] takes an empty spec and fills in the defaults of `parse`', async () => {
    const stored = await cluster.client.create(resources, environment(namespace, 'team', {}));
    expect(stored['spec']).toEqual(parse(environment(namespace, 'team')).spec);
    const bare: KubeObject = {
      apiVersion: resources.apiVersion,
      kind: resources.kind,
      metadata: { namespace, name: 'bare' },
    };
    expect((await cluster.client.create(resources, bare))['spec']).toEqual(stored['spec']);
  });

  it.each(wrongSpecs)('[OA2] refuses $text', async ({ spec, field }) => {
    await expect(cluster.client.create(resources, environment(namespace, 'wrong', spec))).rejects.toThrow(field);
  });

  it.each(wrongNames)('[OA3] refuses the name %s', async (name) => {
    await expect(cluster.client.create(resources, environment(namespace, name))).rejects.toThrow(
      /DNS-1035|Invalid value/,
    );
  });
});
