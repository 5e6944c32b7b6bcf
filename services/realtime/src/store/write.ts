import { randomUUID } from 'node:crypto';
import { makeEvent } from '@collabeditor/contracts';
import { appendEvent, type Pool, transaction } from '@collabeditor/kit';

/** Keeps a text so that opening its document and reading old versions need not begin at the first edit. */
export async function saveSnapshot(
  pool: Pool,
  snapshot: { readonly documentId: string; readonly version: number; readonly rev: string; readonly content: string },
): Promise<void> {
  const { documentId, version, rev, content } = snapshot;
  // Only of a version that the log has under this rev.
  await pool.query(
    `INSERT INTO snapshots (document_id, version, rev, content)
     SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT 1 FROM edits WHERE document_id = $1 AND version = $2 AND rev = $3)
     ON CONFLICT DO NOTHING`,
    [documentId, version, rev, content],
  );
}

/**
 * Emits `document.changed` for those of the documents whose last one is old enough, and answers which documents have nothing left
 * to announce. Several replicas may ask at once: the row of `announcements` decides who emits.
 */
export async function announce(
  pool: Pool,
  documentIds: readonly string[],
  intervalMs: number,
): Promise<ReadonlySet<string>> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ document_id: string; version: number; updated_at: Date }>(
      `WITH due AS (
         INSERT INTO announcements AS a (document_id, version, at)
         SELECT document_id, version, now() FROM heads WHERE document_id = ANY($1::uuid[]) ORDER BY document_id
         ON CONFLICT (document_id) DO UPDATE SET version = excluded.version, at = excluded.at
           WHERE a.version < excluded.version AND a.at <= excluded.at - $2 * interval '1 millisecond'
         RETURNING document_id, version
       )
       SELECT due.document_id, due.version, h.updated_at FROM due JOIN heads h USING (document_id) ORDER BY due.document_id`,
      [documentIds, intervalMs],
    );
    for (const { document_id: documentId, version, updated_at: updatedAt } of rows) {
      const data = { documentId, version, updatedAt: updatedAt.toISOString() };
      const source = '/collabeditor/realtime';
      await appendEvent(
        tx,
        makeEvent({ id: randomUUID(), time: new Date(), type: 'document.changed', source, subject: documentId, data }),
      );
    }
    const settled = await tx.query<{ document_id: string }>(
      `SELECT a.document_id FROM announcements a JOIN heads h USING (document_id)
       WHERE a.document_id = ANY($1::uuid[]) AND a.version >= h.version`,
      [documentIds],
    );
    return new Set(settled.rows.map(({ document_id: id }) => id));
  });
}

/** Documents whose last change nobody has announced, because the replica that made it died. */
export async function unannounced(pool: Pool): Promise<readonly string[]> {
  const { rows } = await pool.query<{ document_id: string }>(
    `SELECT h.document_id FROM heads h LEFT JOIN announcements a USING (document_id)
     WHERE h.version > coalesce(a.version, 0) AND h.updated_at < now() - interval '10 seconds' LIMIT 1000`,
  );
  return rows.map(({ document_id: id }) => id);
}

/** Deletes everything of a document. A commit that is under way comes before or fails. */
export async function removeDocument(pool: Pool, documentId: string): Promise<void> {
  await transaction(pool, async (tx) => {
    await tx.query('SELECT 1 FROM heads WHERE document_id = $1 FOR UPDATE', [documentId]);
    for (const table of ['edits', 'edit_ids', 'snapshots', 'announcements', 'heads']) {
      await tx.query(`DELETE FROM ${table} WHERE document_id = $1`, [documentId]);
    }
  });
}

/** Says in words what the database promises about a commit that it has confirmed. */
export async function durability(pool: Pool): Promise<{ readonly fsync: string; readonly synchronousCommit: string }> {
  const { rows } = await pool.query<{ fsync: string; synchronous_commit: string }>(
    `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit`,
  );
  return { fsync: rows[0]?.fsync ?? 'unknown', synchronousCommit: rows[0]?.synchronous_commit ?? 'unknown' };
}
