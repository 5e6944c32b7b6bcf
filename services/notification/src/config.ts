import { ConfigError, type ConfigOf, duration, integer, optional, text, url } from '@collabeditor/kit';
import { isMailAddress } from './mail.ts';
import type { SmtpSettings } from './smtp.ts';

/** The service's own variables. */
export const fields = {
  PUBLIC_URL: url({ protocols: ['http', 'https'], default: 'http://localhost:8080' }),
  SMTP_URI: optional(url({ protocols: ['smtp', 'smtps'] })),
  SMTP_HOST: optional(text()),
  SMTP_PORT: integer({ min: 1, max: 65_535, default: 587 }),
  SMTP_USERNAME: optional(text()),
  SMTP_PASSWORD: optional(text()),
  SMTP_FROM: text({ default: 'CollabEditor <no-reply@localhost>' }),
  /** Longest wait for one answer of the mail server. */
  SMTP_TIMEOUT: duration({ default: '10s', min: '100ms' }),
};

type SmtpConfig = Pick<
  ConfigOf<typeof fields>,
  'SMTP_URI' | 'SMTP_HOST' | 'SMTP_PORT' | 'SMTP_USERNAME' | 'SMTP_PASSWORD' | 'SMTP_FROM' | 'SMTP_TIMEOUT'
>;

/** Longest mail that the database waits for; its sessions end after 60 s of silence. */
const longestTimeoutMs = 15_000;

/** Where mails go, or undefined when no server is named. Throws a ConfigError with everything that does not fit together. */
export function smtpSettings(config: SmtpConfig): SmtpSettings | undefined {
  const { SMTP_URI, SMTP_HOST, SMTP_PORT, SMTP_USERNAME, SMTP_PASSWORD, SMTP_FROM, SMTP_TIMEOUT } = config;
  const problems: string[] = [];
  if (SMTP_URI !== undefined && SMTP_HOST !== undefined) problems.push('SMTP_URI and SMTP_HOST exclude each other');
  if (SMTP_HOST === undefined && (SMTP_USERNAME !== undefined || SMTP_PASSWORD !== undefined)) {
    problems.push('SMTP_USERNAME and SMTP_PASSWORD need SMTP_HOST');
  }
  if (SMTP_PASSWORD !== undefined && SMTP_USERNAME === undefined) problems.push('SMTP_PASSWORD needs SMTP_USERNAME');
  if (!isMailAddress(senderAddress(SMTP_FROM))) problems.push('SMTP_FROM must be "Name <address>" or an address');
  if (SMTP_TIMEOUT > longestTimeoutMs) problems.push('SMTP_TIMEOUT must be at most 15s');
  if (problems.length > 0) throw new ConfigError(problems);

  const rest = { from: SMTP_FROM, timeoutMs: SMTP_TIMEOUT };
  if (SMTP_URI !== undefined) return { server: { uri: SMTP_URI }, ...rest };
  if (SMTP_HOST === undefined) return undefined;
  return { server: { host: SMTP_HOST, port: SMTP_PORT, username: SMTP_USERNAME, password: SMTP_PASSWORD }, ...rest };
}

/** The address in `Name <address>`. */
export function senderAddress(from: string): string {
  return (/^[^<>\r\n]*<([^<>\s]+)>$/.exec(from)?.[1] ?? from).trim();
}
