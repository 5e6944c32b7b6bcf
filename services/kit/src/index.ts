export {
  bearer,
  type Caller,
  createVerifier,
  JWKS_MAX_AGE_MS,
  unauthenticated,
  type Verifier,
  type VerifierOptions,
} from './auth.ts';
export { type Broker, type BrokerOptions, createBroker } from './broker.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  type BaseConfig,
  baseFields,
  choice,
  ConfigError,
  type ConfigOf,
  duration,
  type Field,
  type Fields,
  file,
  type FileValue,
  integer,
  list,
  migrationFields,
  optional,
  parseConfig,
  redisFields,
  text,
  token,
  url,
  webFields,
} from './config.ts';
export type { ConsumeOptions, ExclusiveOptions, Handler, Verdict } from './consumer.ts';
export { etagOf, namesEtag, requireMatch } from './etag.ts';
export { createHttpApp, type HttpOptions } from './http.ts';
export { atMostEvery, createLogger, type LogFields, type Logger } from './log.ts';
export { appendEvent, type RelayOptions, startRelay } from './outbox.ts';
export { acceptPeers, createPeerClient, type PeerAnswer, type PeerCheck, type PeerClient, shaped } from './peer.ts';
export {
  connectionOptions,
  createPool,
  type Pool,
  type PoolOptions,
  type Queryable,
  sqlState,
  transaction,
  type Tx,
  violatedConstraint,
} from './postgres.ts';
export { isError, isOutage, Problem, unavailable } from './problem.ts';
export type { PublishOptions } from './publisher.ts';
export { createProbe } from './probe.ts';
export { type RequestMetrics, requestMetrics } from './request-metrics.ts';
export { createRedis, type Redis } from './redis.ts';
export { handle, type Mounted, type Reply, reply, type RouteRequest } from './route.ts';
export { type Environment, migrate, run, type ServiceDefinition, startService } from './run.ts';
export { measureStores, STORE_PROBE } from './store-metrics.ts';
export type { App, Health, Runtime, StartedService } from './service.ts';
export {
  type Attributes,
  currentTraceId,
  currentTraceparent,
  inTrace,
  openSpan,
  type OpenSpan,
  type Span,
  type SpanOptions,
  withoutTrace,
  withSpan,
  withTrace,
} from './trace.ts';
