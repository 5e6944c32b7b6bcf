import { describe, expect, it } from '@jest/globals';
import { createPasswords } from './passwords.ts';

describe('passwords', () => {
  it('[US1] are kept as argon2id hashes with a salt of their own', async () => {
    const passwords = createPasswords();
    const [one, two] = [await passwords.hash('pässword'), await passwords.hash('pässword')];
    expect(one).not.toBe(two);
    expect(await passwords.matches('pa\u0308ssword', one)).toBe(true);
    expect(await passwords.matches('passwort', one)).toBe(false);
  });

  it('[US10] of nobody cost a hash and never match', async () => {
    const passwords = createPasswords(1);
    const turns: string[] = [];
    const turn = { admit: async () => void turns.push('admit'), refused: async () => void turns.push('refused') };
    expect(await passwords.matches('anything', null, turn)).toBe(false);
    expect(turns).toEqual(['admit', 'refused']);
  });

  it('[US11] are checked in turn: what one refusal counts, the next one sees', async () => {
    const passwords = createPasswords(1);
    let failures = 0;
    const turn = {
      admit: async () => {
        if (failures >= 2) throw new Error('limited');
      },
      refused: async () => {
        failures++;
      },
    };
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => passwords.matches('x', null, turn)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  });
});
