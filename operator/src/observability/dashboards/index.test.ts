import { expect, it } from '@jest/globals';
import { dashboards } from './index.ts';

it('[DA1] has the five dashboards', () => {
  expect(dashboards.map(({ uid }) => uid)).toHaveLength(5);
});
