import { describe, expect, it } from '@jest/globals';
import { Simulation } from '../../test/simulation.ts';
import { type CommitterEffect, createCommitter, stepCommitter } from './committer.ts';
import type { Part } from './hub-state.ts';
import { createRateLimit, meter } from './limits.ts';
import { advance, NO_HISTORY, type Step, type Versions } from './undo.ts';

const list = (versions: Versions): number[] => (versions ? [versions.version, ...list(versions.older)] : []);

describe('a history', () => {
  it('[RE7] is what the rows of its user make of it', () => {
    const steps: Step[] = [
      { version: 1, kind: 'first', target: null },
      { version: 2, kind: 'edit', target: null },
      { version: 3, kind: 'edit', target: null },
      { version: 4, kind: 'edit', target: null },
    ];
    const typed = steps.reduce(advance, NO_HISTORY);
    expect(list(typed.undo)).toEqual([4, 3, 2]);
    // Version 4 had become empty, so 3 was inverted.
    const undone = advance(typed, { version: 5, kind: 'undo', target: 3 });
    expect([list(undone.undo), list(undone.redo)]).toEqual([[2], [5]]);
    const redone = advance(undone, { version: 6, kind: 'redo', target: 5 });
    expect([list(redone.undo), list(redone.redo)]).toEqual([[6, 2], []]);
    expect(list(advance(undone, { version: 6, kind: 'edit', target: null }).redo)).toEqual([]);
  });

  it('[RE8] is found again by another replica, beyond what is in memory', () => {
    const sim = new Simulation(7, 1);
    const writer = sim.client(0, 'w');
    sim.settle();
    const count = 1100;
    for (let edit = 0; edit < count; edit++) {
      writer.edit({ type: 'insert', pos: edit, text: 'x' });
      while (sim.runOne());
    }
    // Enough time for old rows to be forgotten.
    sim.now += 120_000;
    sim.settle();
    expect(sim.replicas[0]?.hub.document.rows.length).toBeLessThan(count);
    writer.leave();
    const again = sim.client(0, 'w2', 'user-w');
    sim.settle();
    for (let edit = 0; edit < count; edit++) {
      again.undo();
      while (sim.runOne());
    }
    expect(sim.log.text).toBe('');
    again.undo();
    sim.settle();
    expect(again.frames.at(-1)).toMatchObject({ type: 'error', code: 'nothing_to_undo' });
  });
});

describe('the committer', () => {
  const part = (documentId: string): Part => ({ documentId, version: 0, rev: '0', rows: [] });
  const committing = (effects: readonly CommitterEffect[]): string[] =>
    effects.flatMap((effect) => (effect.type === 'commit' ? effect.parts.map(({ documentId }) => documentId) : []));

  it('[RE9] takes what has become ready meanwhile with the next commit', () => {
    const committer = createCommitter();
    expect(committing(stepCommitter(committer, { type: 'ready', documentId: 'a' }, part))).toEqual(['a']);
    for (const documentId of ['b', 'c'])
      expect(stepCommitter(committer, { type: 'ready', documentId }, part)).toEqual([]);
    const effects = stepCommitter(committer, { type: 'committed', won: new Set(['a']), known: new Map() }, part);
    expect(effects[0]).toMatchObject({ type: 'outcome', documentId: 'a', outcome: { type: 'committed' } });
    expect(committing(effects)).toEqual(['b', 'c']);
  });

  it('[RE9] finds the guilty document by halves and does not fail the others', () => {
    const committer = createCommitter();
    stepCommitter(committer, { type: 'ready', documentId: 'first' }, part);
    for (const documentId of ['a', 'b', 'bad', 'd']) stepCommitter(committer, { type: 'ready', documentId }, part);
    let effects = stepCommitter(committer, { type: 'committed', won: new Set(['first']), known: new Map() }, part);
    const outcomes = new Map<string, string>();
    for (let documents = committing(effects); documents.length > 0; documents = committing(effects)) {
      const event = documents.includes('bad')
        ? ({ type: 'rejected' } as const)
        : ({ type: 'committed', won: new Set(documents), known: new Map() } as const);
      effects = stepCommitter(committer, event, () => null);
      for (const effect of effects) if (effect.type === 'outcome') outcomes.set(effect.documentId, effect.outcome.type);
    }
    expect(Object.fromEntries(outcomes)).toEqual({ a: 'committed', b: 'committed', bad: 'rejected', d: 'committed' });
  });

  it('[RE9] rests longer after each failure', () => {
    const committer = createCommitter();
    stepCommitter(committer, { type: 'ready', documentId: 'a' }, part);
    const rests: number[] = [];
    for (let round = 0; round < 8; round++) {
      const effects = stepCommitter(committer, { type: 'failed', unknown: false }, part);
      for (const effect of effects) if (effect.type === 'rest') rests.push(effect.ms);
      stepCommitter(committer, { type: 'ready', documentId: 'a' }, part);
      stepCommitter(committer, { type: 'rested' }, part);
    }
    expect(rests).toEqual([50, 100, 200, 400, 800, 1000, 1000, 1000]);
  });
});

describe('the rate limit', () => {
  it('[RE10] lets a burst and a steady rate pass, and closes who goes on', () => {
    const limit = createRateLimit(0);
    const verdicts = (frames: number, now: number) => Array.from({ length: frames }, () => meter(limit, now));
    expect(new Set(verdicts(1000, 0))).toEqual(new Set(['pass']));
    expect(verdicts(100, 0)).toEqual(Array.from({ length: 100 }, () => 'refuse'));
    expect(verdicts(1, 0)).toEqual(['close']);
    expect(verdicts(201, 1000).filter((verdict) => verdict === 'pass')).toHaveLength(200);
    expect(verdicts(1, 20_000)).toEqual(['pass']);
  });
});
