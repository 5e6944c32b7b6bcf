import { describe, expect, it } from '@jest/globals';
import { byLabel, byOwner, Cache, type CacheChange } from './cache.ts';
import type { KubeObject } from './types.ts';

function object(name: string, resourceVersion: string, more: Partial<KubeObject['metadata']> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'n', name, uid: `uid-${name}`, resourceVersion, ...more },
  };
}

describe('the cache', () => {
  it('[KR7] keeps the newer state in whatever order they come', () => {
    const cache = new Cache();
    cache.upsert(object('a', '100'));
    cache.upsert(object('a', '99'));
    expect(cache.get({ namespace: 'n', name: 'a' })?.metadata.resourceVersion).toBe('100');
    cache.upsert(object('a', '1000'));
    expect(cache.get({ namespace: 'n', name: 'a' })?.metadata.resourceVersion).toBe('1000');
  });

  it('[KR8] does not bring back what is gone', () => {
    const cache = new Cache();
    cache.upsert(object('a', '1'));
    cache.remove(object('a', '2'));
    cache.upsert(object('a', '1'));
    expect(cache.size).toBe(0);
    cache.upsert(object('a', '3', { uid: 'another' }));
    cache.remove(object('a', '2'));
    expect(cache.size).toBe(1);
  });

  it('[KR9] keeps its indices and outlives its listeners', () => {
    const errors: unknown[] = [];
    const changes: CacheChange[] = [];
    const cache = new Cache({ owner: byOwner, app: byLabel('app') }, (error) => errors.push(error));
    cache.onChange(() => {
      throw new Error('listener');
    });
    cache.onChange((change) => changes.push(change));
    const owner = { apiVersion: 'v1', kind: 'X', name: 'x', uid: 'o1' };
    cache.upsert(object('a', '1', { labels: { app: 'one' }, ownerReferences: [owner] }));
    cache.upsert(object('b', '1', { labels: { app: 'one' } }));
    cache.upsert(object('a', '2', { labels: { app: 'two' } }));
    expect(cache.find('app', 'n/one').map(({ metadata }) => metadata.name)).toEqual(['b']);
    expect(cache.find('app', 'n/two').map(({ metadata }) => metadata.name)).toEqual(['a']);
    expect(cache.find('owner', 'o1')).toEqual([]);
    cache.replace([object('b', '1', { labels: { app: 'one' } })]);
    expect(cache.find('app', 'n/two')).toEqual([]);
    expect(changes).toHaveLength(4);
    expect(errors).toHaveLength(4);
  });
});
