import { ChangeSet } from '@codemirror/state';
import { REV_OF_NOTHING, type Row } from '../engine/row.ts';

/** Columns of a row of the log, in the order of {@link StoredRow}. */
export const ROW_COLUMNS = 'version, rev, kind, target, user_id, client_id, edit_id, changes, inverse';

/** A row of the table `edits`. */
export interface StoredRow {
  readonly version: number;
  readonly rev: string;
  readonly kind: Row['kind'];
  readonly target: number | null;
  readonly user_id: string;
  readonly client_id: string;
  readonly edit_id: string | null;
  readonly changes: unknown;
  readonly inverse: unknown;
}

export function rowOf(stored: StoredRow): Row {
  return {
    version: stored.version,
    rev: stored.rev,
    kind: stored.kind,
    target: stored.target,
    userId: stored.user_id,
    clientId: stored.client_id,
    editId: stored.edit_id,
    changes: ChangeSet.fromJSON(stored.changes),
    inverse: ChangeSet.fromJSON(stored.inverse),
  };
}

/** The log has a gap or does not fit a snapshot: the database is not what this service wrote. */
export class LogError extends Error {
  override readonly name = 'LogError';
}

/** Checks that rows follow one another from the version after `after` on. */
export function requireContiguous(rows: readonly Pick<Row, 'version'>[], after: number): void {
  const gap = rows.findIndex(({ version }, index) => version !== after + 1 + index);
  if (gap >= 0) throw new LogError(`version ${after + 1 + gap} is missing in the log`);
}

export interface Head {
  readonly version: number;
  readonly rev: string;
}

export const NO_HEAD: Head = { version: 0, rev: REV_OF_NOTHING };
