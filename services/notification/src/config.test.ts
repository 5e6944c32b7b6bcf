import { describe, expect, it } from '@jest/globals';
import { ConfigError, parseConfig } from '@collabeditor/kit';
import { fields, senderAddress, smtpSettings } from './config.ts';

const settings = (env: Record<string, string>) => smtpSettings(parseConfig(fields, env));

function problems(env: Record<string, string>): readonly string[] {
  try {
    settings(env);
    return [];
  } catch (error) {
    return error instanceof ConfigError ? error.problems : [String(error)];
  }
}

describe('configuration', () => {
  it('[NO16] takes a URI, or a host with its companions, or nothing', () => {
    expect(settings({})).toBeUndefined();
    expect(settings({ SMTP_URI: 'smtp://u:p@mail.example:2525' })?.server).toEqual({
      uri: 'smtp://u:p@mail.example:2525',
    });
    expect(settings({ SMTP_HOST: 'mail.example', SMTP_FROM: 'a@b.example' })).toEqual({
      server: { host: 'mail.example', port: 587, username: undefined, password: undefined },
      from: 'a@b.example',
      timeoutMs: 10_000,
    });
  });

  it('[NO16] lists every problem at once and tells no secret', () => {
    expect(
      problems({ SMTP_URI: 'smtp://u:p@h', SMTP_HOST: 'h', SMTP_PASSWORD: 'hidden', SMTP_FROM: 'Nobody' }),
    ).toEqual([
      'SMTP_URI and SMTP_HOST exclude each other',
      'SMTP_PASSWORD needs SMTP_USERNAME',
      'SMTP_FROM must be "Name <address>" or an address',
    ]);
    expect(problems({ SMTP_USERNAME: 'u' })).toEqual(['SMTP_USERNAME and SMTP_PASSWORD need SMTP_HOST']);
    expect(problems({ SMTP_TIMEOUT: '1m' })).toEqual(['SMTP_TIMEOUT must be at most 15s']);
    const broken = problems({ SMTP_URI: 'http://u:hidden@h', SMTP_PORT: '0', PUBLIC_URL: 'team' });
    expect(broken).toHaveLength(3);
    expect(broken.join()).not.toContain('hidden');
  });

  it('[NO16] finds the address in a sender', () => {
    expect(senderAddress('CollabEditor <no-reply@localhost>')).toBe('no-reply@localhost');
    expect(senderAddress('no-reply@localhost')).toBe('no-reply@localhost');
  });
});
