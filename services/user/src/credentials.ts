import { Problem } from '@collabeditor/kit';
import type { Context } from './context.ts';
import type { UserRow } from './store/users.ts';

const MINUTE = 60_000;

export interface Attempt {
  /** What the failures are counted under, known or not. */
  readonly emailKey: string;
  readonly ip: string;
}

/**
 * Passes if the password is the user's; else throws `invalid_credentials`, after the same time whether there is such a
 * user or not. Failures are counted per email and per address, and too many are `rate_limited` even with the right password.
 */
export async function requirePassword(
  context: Context,
  user: UserRow | null,
  password: string,
  attempt: Attempt,
): Promise<void> {
  const { limits, passwords, config } = context;
  const perEmail = { name: 'failed', max: config.LOGIN_FAILURES_PER_EMAIL, windowMs: MINUTE };
  const perAddress = { name: 'failed-from', max: config.LOGIN_FAILURES_PER_ADDRESS, windowMs: MINUTE };
  // Asked in turn with the hashing, so that a burst of guesses can't pass before the first of them is counted.
  const admit = async (): Promise<void> => {
    await limits.check(perEmail, attempt.emailKey);
    await limits.check(perAddress, attempt.ip);
  };
  const refused = async (): Promise<void> => {
    await limits.count(perEmail, attempt.emailKey);
    await limits.count(perAddress, attempt.ip);
  };
  if (await passwords.matches(password, user?.password ?? null, { admit, refused })) return;
  throw new Problem('invalid_credentials');
}
