import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { environmentRules, operatorRules } from './index.ts';
import { cases } from './test/cases.ts';
import { Promtool } from './test/promtool.ts';
import { here } from './test/series.ts';

const all = [...environmentRules('all'), ...operatorRules()];

describe('rules in Prometheus', () => {
  let promtool: Promtool;
  beforeAll(async () => {
    promtool = await Promtool.have();
  }, 900_000);
  afterAll(() => promtool[Symbol.dispose]());

  it.each(cases)('[RU1, RU2] $name', async (one) => {
    expect(await promtool.play(all, one)).toEqual({ ok: true, said: expect.stringContaining('SUCCESS') });
  });

  it('[RU3] Prometheus takes the rules of all environments and of one', async () => {
    for (const groups of [all, environmentRules(here)]) {
      expect(await promtool.check(groups)).toMatchObject({ ok: true });
    }
  });
});
