import { expect, it } from '@jest/globals';

import { imagesIn } from './load.ts';

it('[CL21] reads names and digests out of the runtime’s table', () => {
  const table = `REF                             TYPE                                       DIGEST         SIZE     PLATFORMS   LABELS
localhost/collabeditor/pause:1  application/vnd.oci.image.manifest.v1+json sha256:abc     290 KiB  linux/amd64 io.cri-containerd.image=managed
`;
  expect([...imagesIn(table)]).toEqual([['localhost/collabeditor/pause:1', 'sha256:abc']]);
  expect(imagesIn('REF TYPE DIGEST\n').size).toBe(0);
});
