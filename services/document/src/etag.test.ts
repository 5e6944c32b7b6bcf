import { describe, expect, it } from '@jest/globals';
import { documentEtag, ifMatchHolds, ifMatchVersions, parseIfMatch, versionEtag } from './etag.ts';

describe('entity tags', () => {
  it('[DO10] are strong and tell roles and revisions apart', () => {
    expect(documentEtag(3, 'owner')).toBe('"3.owner"');
    expect(documentEtag(3, 'editor')).not.toBe(documentEtag(3, 'owner'));
    expect(versionEtag(12)).toBe('"12"');
  });

  it('[DO11] match strongly: one of a list or anything, never a weak one', () => {
    expect(ifMatchHolds('"3.owner"', '"3.owner"')).toBe(true);
    expect(ifMatchHolds('"1", "3.owner"', '"3.owner"')).toBe(true);
    expect(ifMatchHolds('*', '"3.owner"')).toBe(true);
    expect(ifMatchHolds('W/"3.owner"', '"3.owner"')).toBe(false);
    expect(ifMatchHolds('3.owner', '"3.owner"')).toBe(false);
    expect(ifMatchHolds('', '"3.owner"')).toBe(false);
  });

  it('[DO29] name versions of a text', () => {
    expect(ifMatchVersions(parseIfMatch('"12"') as readonly string[])).toEqual([12]);
    expect(ifMatchVersions(parseIfMatch('"x", "-1", "7", W/"8", "1.5"') as readonly string[])).toEqual([7]);
  });
});
