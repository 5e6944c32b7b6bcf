import { isOutage, type Pool, type SpanOptions, sqlState, withSpan } from '@collabeditor/kit';
import type { Part } from '../engine/hub-state.ts';
import type { KnownEdit } from '../engine/row.ts';

/** What became of a commit of many documents. */
export type CommitResult =
  | {
      readonly type: 'committed';
      readonly won: ReadonlySet<string>;
      readonly known: ReadonlyMap<string, readonly KnownEdit[]>;
    }
  | { readonly type: 'rejected'; readonly error: unknown }
  | { readonly type: 'failed'; readonly unknown: boolean; readonly error: unknown };

/**
 * Moves the heads of those documents that still stand where the batch expects them, and writes the log and the edit ids of exactly
 * those. A head that somebody else holds counts as lost, so that no document waits for another; so does one whose batch has an id
 * that is known. When a head holds, this statement's snapshot has seen all ids up to it.
 */
const COMMIT = `
  WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::text[]) AS w (document_id, base, base_rev, version, rev)
  ), drafts AS (
    SELECT * FROM unnest(
      $6::uuid[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::uuid[], $12::text[], $13::text[], $14::json[], $15::json[],
      $16::bigint[], $17::text[]
    ) AS d (document_id, version, rev, kind, target, user_id, client_id, edit_id, changes, inverse, base, payload)
  ), known AS (
    SELECT e.document_id, e.user_id, e.client_id, e.edit_id, e.version, e.base, e.payload
    FROM edit_ids e JOIN drafts d USING (document_id, user_id, client_id, edit_id)
  ), fresh AS (
    SELECT * FROM wanted WHERE document_id NOT IN (SELECT document_id FROM known)
  ), held AS (
    SELECT h.document_id FROM heads h JOIN fresh f ON h.document_id = f.document_id AND h.version = f.base AND h.rev = f.base_rev
    ORDER BY h.document_id FOR UPDATE OF h SKIP LOCKED
  ), moved AS (
    UPDATE heads h SET version = f.version, rev = f.rev, updated_at = now()
    FROM held JOIN fresh f USING (document_id) WHERE h.document_id = held.document_id
    RETURNING h.document_id
  ), created AS (
    INSERT INTO heads (document_id, version, rev)
    SELECT document_id, version, rev FROM fresh WHERE base = 0 ORDER BY document_id
    ON CONFLICT DO NOTHING
    RETURNING document_id
  ), won AS (
    SELECT document_id FROM moved UNION ALL SELECT document_id FROM created
  ), written AS (
    INSERT INTO edits (document_id, version, rev, kind, target, user_id, client_id, edit_id, changes, inverse)
    SELECT document_id, version, rev, kind, target, user_id, client_id, edit_id, changes, inverse FROM drafts JOIN won USING (document_id)
  ), remembered AS (
    INSERT INTO edit_ids (document_id, user_id, client_id, edit_id, version, base, payload)
    SELECT document_id, user_id, client_id, edit_id, version, base, payload FROM drafts JOIN won USING (document_id)
    WHERE edit_id IS NOT NULL
  )
  SELECT document_id, NULL AS user_id, NULL AS client_id, NULL AS edit_id, NULL::bigint AS version, NULL::bigint AS base, NULL AS payload FROM won
  UNION ALL
  SELECT document_id, user_id::text, client_id, edit_id, version, base, payload FROM known`;

type CommitRow = { readonly document_id: string; readonly user_id: string | null } & Pick<
  KnownEdit,
  'version' | 'base' | 'payload'
> & {
    readonly client_id: string;
    readonly edit_id: string;
  };

/** Commits the edits of many documents in one statement. Never throws: what went wrong is a result. */
export function commit(pool: Pool, parts: readonly Part[]): Promise<CommitResult> {
  return withSpan(COMMITTING, async (span) => {
    const result = await commitOnce(pool, parts);
    if (span.recording) {
      const edits = parts.reduce((sum, { rows }) => sum + rows.length, 0);
      span.set({ 'db.operation.batch.size': edits, 'collab.documents': parts.length, 'collab.outcome': result.type });
    }
    if (result.type !== 'committed') span.fail(sqlState(result.error) ?? result.type);
    return result;
  });
}

/** Of many sessions' edits, so a trace of its own. */
const COMMITTING: SpanOptions = {
  name: 'group commit',
  kind: 'client',
  attributes: { 'db.system.name': 'postgresql', 'db.operation.name': 'COMMIT' },
};

async function commitOnce(pool: Pool, parts: readonly Part[]): Promise<CommitResult> {
  let sent = false;
  try {
    const client = await pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => void (broken = error);
    client.on('error', onError);
    try {
      sent = true;
      const { rows } = await client.query<CommitRow>({ name: 'commit', text: COMMIT, values: parameters(parts) });
      return resultOf(rows);
    } catch (error) {
      if (sqlState(error) === null || isOutage(error))
        broken ??= error instanceof Error ? error : new Error('commit failed');
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  } catch (error) {
    // Class 22: data that does not fit; class 23: a constraint. Both are the fault of some edit.
    const state = sqlState(error);
    if (state !== null && /^2[23]/.test(state)) return { type: 'rejected', error };
    return { type: 'failed', unknown: sent && (state === null || isOutage(error)), error };
  }
}

function parameters(parts: readonly Part[]): unknown[] {
  const last = ({ rows }: Part) => rows.at(-1)?.row;
  const drafts = parts.flatMap(({ documentId, rows }) => rows.map((draft) => ({ documentId, ...draft })));
  return [
    parts.map(({ documentId }) => documentId),
    parts.map(({ version }) => version),
    parts.map(({ rev }) => rev),
    parts.map((part) => last(part)?.version),
    parts.map((part) => last(part)?.rev),
    drafts.map(({ documentId }) => documentId),
    drafts.map(({ row }) => row.version),
    drafts.map(({ row }) => row.rev),
    drafts.map(({ row }) => row.kind),
    drafts.map(({ row }) => row.target),
    drafts.map(({ row }) => row.userId),
    drafts.map(({ row }) => row.clientId),
    drafts.map(({ row }) => row.editId),
    drafts.map(({ row }) => JSON.stringify(row.changes)),
    drafts.map(({ row }) => JSON.stringify(row.inverse)),
    drafts.map(({ base }) => base),
    drafts.map(({ payload }) => payload),
  ];
}

function resultOf(rows: readonly CommitRow[]): CommitResult {
  const won = new Set<string>();
  const known = new Map<string, KnownEdit[]>();
  for (const row of rows) {
    if (row.user_id === null) {
      won.add(row.document_id);
      continue;
    }
    const edits = known.get(row.document_id) ?? [];
    const { client_id: clientId, edit_id: editId, version, base, payload } = row;
    known.set(row.document_id, [...edits, { userId: row.user_id, clientId, editId, version, base, payload }]);
  }
  return { type: 'committed', won, known };
}
