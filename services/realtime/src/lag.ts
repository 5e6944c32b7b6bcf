/** A head that a replica does not have yet. */
interface Missing {
  readonly version: number;
  /** When it was heard of. */
  readonly since: number;
}

/** Beyond this many the newest ones count as one; the oldest decides. */
const REMEMBERED = 64;

/**
 * How long the open documents of a replica have been behind. News name newer heads; PostgreSQL says which of them are true, since
 * whatever news tell is committed before they are told.
 *
 *   heard ──► missing ── the document gets there ───────────────────────► forgotten
 *                └────── PostgreSQL was asked afterwards and has no such ──► forgotten (the news were wrong)
 */
export class ReplicaLag {
  readonly #missing = new Map<string, Missing[]>();

  /** Somebody says that a document has this version, `version` being ours. */
  heard(documentId: string, head: number, version: number, at: number): void {
    const missing = this.#missing.get(documentId) ?? [];
    const newest = missing.at(-1);
    if (head <= Math.max(version, newest?.version ?? 0)) return;
    const caughtUp = missing.filter((one) => one.version > version);
    if (caughtUp.length >= REMEMBERED) caughtUp.pop();
    this.#missing.set(documentId, [...caughtUp, { version: head, since: at }]);
  }

  /** PostgreSQL, asked at a time, had nothing newer than this. */
  asked(documentId: string, head: number, askedAt: number): void {
    const missing = this.#missing.get(documentId);
    if (!missing) return;
    const left = missing.filter(({ version, since }) => version <= head || since > askedAt);
    if (left.length > 0) this.#missing.set(documentId, left);
    else this.#missing.delete(documentId);
  }

  /** The longest time that one of the open documents has been behind, in milliseconds. */
  longest(
    open: ReadonlyMap<string, { readonly hub: { readonly document: { readonly version: number } } }>,
    now: number,
  ): number {
    let longest = 0;
    for (const [id, missing] of this.#missing) {
      const document = open.get(id);
      const oldest = document && missing.find(({ version }) => version > document.hub.document.version);
      if (oldest) longest = Math.max(longest, now - oldest.since);
      else this.#missing.delete(id);
    }
    return longest;
  }
}
