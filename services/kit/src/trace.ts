import { AsyncLocalStorage } from 'node:async_hooks';

const storage = new AsyncLocalStorage<string>();

/** Runs `work` under a W3C `traceparent`; a malformed or absent one changes nothing. */
export function withTrace<T>(traceparent: string | undefined, work: () => T): T {
  return traceparent !== undefined && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent)
    ? storage.run(traceparent, work)
    : work();
}

/** The `traceparent` of the request or event that is being handled: goes into calls to peers and into events. */
export function currentTraceparent(): string | undefined {
  return storage.getStore();
}

/** The trace id in it, for log lines. */
export function currentTraceId(): string | undefined {
  return storage.getStore()?.slice(3, 35);
}
