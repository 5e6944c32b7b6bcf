import { describe, expect, it } from '@jest/globals';
import { documentRoutes } from '@collabeditor/contracts';
import { allows, higherRole, routeRights } from './rights.ts';

describe('rights', () => {
  it('[DO1] every route of one document has its right, and no other has one', () => {
    const ofOne = Object.entries(documentRoutes).filter(([, route]) => route.path.includes('{id}'));
    expect(Object.keys(routeRights).sort()).toEqual(ofOne.map(([name]) => name).sort());
  });

  it('[DO1] an owner may everything, an editor read and edit, a viewer read', () => {
    const rights = ['read', 'edit', 'own'] as const;
    expect(rights.map((right) => allows('owner', right))).toEqual([true, true, true]);
    expect(rights.map((right) => allows('editor', right))).toEqual([true, true, false]);
    expect(rights.map((right) => allows('viewer', right))).toEqual([true, false, false]);
  });

  it('[DO24, DO27] of two roles the higher one stays', () => {
    expect(higherRole('viewer', 'editor')).toBe('editor');
    expect(higherRole('editor', 'viewer')).toBe('editor');
    expect(higherRole('owner', 'editor')).toBe('owner');
  });
});
