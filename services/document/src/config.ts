import { type BaseConfig, type ConfigOf, duration, token, url, webFields } from '@collabeditor/kit';

/** The service's own variables. */
export const fields = {
  ...webFields,
  USER_SERVICE_URL: url({ protocols: ['http', 'https'] }),
  REALTIME_SERVICE_URL: url({ protocols: ['http', 'https'] }),
  PEER_TOKEN_REALTIME: token(),
  /** How often the trash is looked through for what is older than 30 days. */
  TRASH_SWEEP_INTERVAL: duration({ default: '10m', min: '1s' }),
};

export type Config = BaseConfig & ConfigOf<typeof fields>;
