import { type BaseConfig, type ConfigOf, integer, redisFields, token, url, webFields } from '@collabeditor/kit';

/** Environment of the realtime service beside what every service reads. */
export const fields = {
  ...webFields,
  ...redisFields,
  USER_SERVICE_URL: url({ protocols: ['http', 'https'] }),
  DOCUMENT_SERVICE_URL: url({ protocols: ['http', 'https'] }),
  PEER_TOKEN_DOCUMENT: token(),
  MAX_CONNECTIONS: integer({ min: 1, max: 1_000_000, default: 10_000 }),
  /** Over how long the sessions of a replica that stops are moved away. */
  DRAIN_SECONDS: integer({ min: 0, max: 600, default: 30 }),
};

export type Config = BaseConfig & ConfigOf<typeof fields>;
