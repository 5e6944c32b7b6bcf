import { describe, expect, it } from '@jest/globals';
import { choice, ConfigError, duration, integer, list, optional, parseConfig, text, token, url } from './config.ts';

function problemsOf(fields: Parameters<typeof parseConfig>[0], env: Record<string, string>): readonly string[] {
  try {
    parseConfig(fields, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('configuration', () => {
  it('[KI1] lists all problems at once', () => {
    const fields = {
      A: integer({ min: 1, max: 9 }),
      B: text(),
      C: choice(['x', 'y']),
      D: token(),
      E: list({ pattern: /^\w+$/ }),
    };
    expect(problemsOf(fields, { A: '10', B: '', C: 'z', D: 'short', E: 'a,,b' })).toEqual([
      'A must be an integer from 1 to 9, not "10"',
      'B is missing',
      'C must be one of x, y, not "z"',
      'D must have at least 16 characters',
      'E has the wrong item ""',
    ]);
  });

  it('[KI1] takes an empty variable for absent', () => {
    expect(parseConfig({ A: text({ default: 'a' }), B: optional(text()) }, { A: '', B: '' })).toEqual({
      A: 'a',
      B: undefined,
    });
  });

  it('[KI2] keeps the value of a URL to itself', () => {
    const problems = problemsOf(
      { DATABASE_URL: url({ protocols: ['postgres'] }) },
      { DATABASE_URL: 'mysql://me:secret@db/' },
    );
    expect(problems).toEqual(['DATABASE_URL must be a URL that begins with postgres://']);
  });

  it.each([
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['720h', 2_592_000_000],
    ['1.5s', 1_500],
    ['300ms', 300],
    ['0', 0],
  ])('[KI3] reads the duration %s', (raw, milliseconds) => {
    expect(parseConfig({ D: duration() }, { D: raw })).toEqual({ D: milliseconds });
  });

  it.each(['15', 'm', '-1h', '1d', ' 1h'])('[KI3] refuses the duration "%s"', (raw) => {
    expect(problemsOf({ D: duration() }, { D: raw })).toHaveLength(1);
  });
});
