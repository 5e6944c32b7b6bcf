import { expect, it } from '@jest/globals';

import { addonObjects } from './addons.ts';
import { addresses } from './layout.ts';

it('[CL22] leads every Service of the node to the node', () => {
  const objects = addonObjects();
  const services = objects.filter((object) => 'kind' in object && object.kind === 'Service');
  const slices = objects.filter((object) => 'kind' in object && object.kind === 'EndpointSlice');
  expect(services).toHaveLength(2);
  for (const service of services) {
    expect(service).toMatchObject({
      metadata: { namespace: 'kube-system' },
      spec: expect.not.objectContaining({ selector: expect.anything() }),
    });
  }
  expect(services.map((service) => ('metadata' in service ? service.metadata : undefined))).toMatchObject([
    { name: 'kube-dns' },
    { name: 'metrics-server' },
  ]);
  for (const [index, name] of ['kube-dns', 'metrics-server'].entries()) {
    expect(slices[index]).toMatchObject({
      metadata: { labels: { 'kubernetes.io/service-name': name } },
      endpoints: [{ addresses: [addresses.node] }],
    });
  }
});
