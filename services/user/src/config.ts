import {
  type BaseConfig,
  choice,
  type ConfigOf,
  duration,
  type Field,
  file,
  type FileValue,
  integer,
  redisFields,
  token,
  webFields,
} from '@collabeditor/kit';
import { parseSigningKeys } from './signing-keys.ts';

const perMinute = (fallback: number): Field<number> => integer({ min: 1, max: 1_000_000, default: fallback });

/** The service's own variables. */
export const fields = {
  ...webFields,
  ...redisFields,
  PEER_TOKEN_DOCUMENT: token(),
  PEER_TOKEN_REALTIME: token(),
  PEER_TOKEN_NOTIFICATION: token(),
  SIGNING_KEYS_FILE: signingKeysFile(),
  /** How often the file is looked at for a change. */
  SIGNING_KEYS_POLL: duration({ default: '5s', min: '10ms' }),
  ACCESS_TOKEN_TTL: duration({ default: '15m', min: '1s' }),
  REFRESH_TOKEN_TTL: duration({ default: '720h', min: '1s' }),
  ADDRESS_VERIFICATION: choice(['mail', 'none'], { default: 'mail' }),
  LOGIN_FAILURES_PER_EMAIL: perMinute(10),
  LOGIN_FAILURES_PER_ADDRESS: perMinute(100),
  /** Reset mails an hour. */
  RESET_MAILS_PER_EMAIL: integer({ min: 1, max: 1000, default: 5 }),
};

export type Config = BaseConfig & ConfigOf<typeof fields>;

/** A file whose keys can't be used is a problem of the configuration at start, not of the first login. */
function signingKeysFile(): Field<FileValue> {
  const inner = file();
  return {
    read: (raw) => {
      const value = inner.read(raw);
      parseSigningKeys(value.content);
      return value;
    },
  };
}
