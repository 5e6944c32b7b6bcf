import type { KubeClient } from './client.ts';
import { isAborted, systemClock, wait, type Clock } from './clock.ts';
import { isAlreadyExists, isConflict } from './errors.ts';
import { at, numberAt, textAt } from './json.ts';
import type { KubeObject, ResourceType } from './types.ts';

const LEASE: ResourceType = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases', namespaced: true };

export interface LeaseOptions {
  client: Pick<KubeClient, 'find' | 'create' | 'replace'>;
  namespace: string;
  name: string;
  /** Unique to this process. */
  identity: string;
  clock?: Clock;
  /** Wall-clock time, written into the Lease for people to read; never compared. */
  wallClock?: () => Date;
  durationMs?: number;
  renewDeadlineMs?: number;
  retryMs?: number;
  onError?: (error: unknown) => void;
}

/** What was last seen in the Lease, and when we saw it by our own clock: clocks of machines are never compared. */
interface Observed {
  record: string;
  at: number;
}

/**
 * Leader election over a Lease: at most one holder at a time, provided that a holder stops work when `lead`'s signal
 * is aborted, which happens `renewDeadline` (10 s) after the last renewal and so before others may take over (15 s).
 */
export class LeaderElection {
  readonly #options: Required<LeaseOptions>;
  #observed: Observed | undefined;

  constructor(options: LeaseOptions) {
    this.#options = {
      clock: systemClock,
      wallClock: () => new Date(),
      durationMs: 15_000,
      renewDeadlineMs: 10_000,
      retryMs: 2_000,
      onError: () => undefined,
      ...options,
    };
  }

  /**
   * Waits for the lease, calls `lead` and keeps renewing until `lead` returns, the lease is lost or `signal` is
   * aborted; then gives the lease back. Returns whether this process ever led.
   */
  async run(signal: AbortSignal, lead: (held: AbortSignal) => Promise<void>): Promise<boolean> {
    if (!(await this.#acquire(signal))) return false;
    const lost = new AbortController();
    const stop = new AbortController();
    const renewing = this.#renew(AbortSignal.any([signal, stop.signal]), () => lost.abort());
    try {
      await lead(AbortSignal.any([signal, lost.signal]));
    } finally {
      stop.abort();
      await renewing;
      if (!lost.signal.aborted) await this.#release();
    }
    return true;
  }

  async #acquire(signal: AbortSignal): Promise<boolean> {
    const { clock, retryMs } = this.#options;
    while (!signal.aborted) {
      if (await this.#tryHold()) return true;
      await wait(clock, retryMs * (1 + clock.random() * 0.2), signal);
    }
    return false;
  }

  async #renew(signal: AbortSignal, lose: () => void): Promise<void> {
    const { clock, retryMs, renewDeadlineMs } = this.#options;
    let renewedAt = clock.now();
    // The deadline holds even while a request hangs.
    let cancelDeadline = clock.after(renewDeadlineMs, lose);
    while (!signal.aborted) {
      await wait(clock, retryMs, signal);
      if (isAborted(signal)) break;
      const askedAt = clock.now();
      if (await this.#tryHold()) {
        cancelDeadline();
        renewedAt = askedAt;
        cancelDeadline = clock.after(Math.max(0, renewedAt + renewDeadlineMs - clock.now()), lose);
      } else if (clock.now() - renewedAt >= renewDeadlineMs) break;
    }
    cancelDeadline();
    if (!signal.aborted) lose();
  }

  /** One attempt to take or to renew. Errors count as "no". */
  async #tryHold(): Promise<boolean> {
    const { client, namespace, name, identity } = this.#options;
    try {
      const lease = await client.find(LEASE, { namespace, name });
      if (lease === undefined) {
        await client.create(LEASE, this.#leaseObject(undefined, { transitions: 0, acquireTime: undefined }));
        return true;
      }
      this.#observe(lease);
      const holder = textAt(lease, 'spec', 'holderIdentity') ?? '';
      if (holder !== identity && holder !== '' && !this.#expired(lease)) return false;
      const transitions = (numberAt(lease, 'spec', 'leaseTransitions') ?? 0) + (holder === identity ? 0 : 1);
      const acquireTime = holder === identity ? textAt(lease, 'spec', 'acquireTime') : undefined;
      await client.replace(LEASE, this.#leaseObject(lease, { transitions, acquireTime }));
      return true;
    } catch (error) {
      if (!isConflict(error) && !isAlreadyExists(error)) this.#options.onError(error);
      return false;
    }
  }

  #observe(lease: KubeObject): void {
    const record = lease.metadata.resourceVersion ?? '';
    if (this.#observed?.record !== record) this.#observed = { record, at: this.#options.clock.now() };
  }

  #expired(lease: KubeObject): boolean {
    const seconds = numberAt(lease, 'spec', 'leaseDurationSeconds') ?? this.#options.durationMs / 1000;
    const seenAt = this.#observed?.at ?? this.#options.clock.now();
    return this.#options.clock.now() - seenAt >= seconds * 1000;
  }

  async #release(): Promise<void> {
    const { client, namespace, name, identity } = this.#options;
    try {
      const lease = await client.find(LEASE, { namespace, name });
      if (lease === undefined || textAt(lease, 'spec', 'holderIdentity') !== identity) return;
      const spec = {
        ...objectAt(lease),
        holderIdentity: '',
        leaseDurationSeconds: 1,
        renewTime: microTime(this.#options.wallClock()),
      };
      await client.replace(LEASE, { ...lease, spec });
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #leaseObject(
    lease: KubeObject | undefined,
    held: { transitions: number; acquireTime: string | undefined },
  ): KubeObject {
    const { namespace, name, identity, durationMs } = this.#options;
    const now = microTime(this.#options.wallClock());
    return {
      apiVersion: LEASE.apiVersion,
      kind: LEASE.kind,
      metadata: lease?.metadata ?? { namespace, name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: durationMs / 1000,
        acquireTime: held.acquireTime ?? now,
        renewTime: now,
        leaseTransitions: held.transitions,
      },
    };
  }
}

/** MicroTime needs six digits: servers refuse three. */
export function microTime(date: Date): string {
  return date.toISOString().replace(/Z$/, '000Z');
}

function objectAt(lease: KubeObject): Record<string, unknown> {
  const spec = at(lease, 'spec');
  return typeof spec === 'object' && spec !== null ? { ...spec } : {};
}
