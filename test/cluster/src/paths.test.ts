import { expect, it } from '@jest/globals';

import { cacheRoot, stateRoot } from './paths.ts';

it('[CL6] takes the own folder first, then the XDG folder, then the home folder', () => {
  const home = { HOME: '/people/ann' };
  expect(cacheRoot(home)).toBe('/people/ann/.cache/collabeditor');
  expect(stateRoot(home)).toBe('/people/ann/.local/state/collabeditor');
  const xdg = { ...home, XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' };
  expect(cacheRoot(xdg)).toBe('/c/collabeditor');
  expect(stateRoot(xdg)).toBe('/s/collabeditor');
  const own = { ...xdg, COLLABEDITOR_CACHE: '/own/c', COLLABEDITOR_STATE: '/own/s' };
  expect(cacheRoot(own)).toBe('/own/c');
  expect(stateRoot(own)).toBe('/own/s');
  expect(cacheRoot({ ...xdg, COLLABEDITOR_CACHE: '' })).toBe('/c/collabeditor');
});
