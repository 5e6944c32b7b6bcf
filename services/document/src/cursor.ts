import { Problem } from '@collabeditor/kit';

/** Where a page ends: the sort key of its last row. A row keeps its place among unchanged ones whatever happens to others. */
export interface PageKey {
  readonly at: Date;
  readonly id: string;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function encodeCursor(key: PageKey): string {
  return Buffer.from(`${key.at.getTime()} ${key.id}`).toString('base64url');
}

export function decodeCursor(cursor: string): PageKey {
  const [time = '', id = '', ...rest] = Buffer.from(cursor, 'base64url').toString('latin1').split(' ');
  const at = new Date(/^\d{1,15}$/.test(time) ? Number(time) : NaN);
  if (rest.length > 0 || Number.isNaN(at.getTime()) || !uuid.test(id)) {
    const message = 'is not a cursor of this list';
    throw new Problem('invalid_request', `cursor ${message}`, { errors: [{ path: '/cursor', message }] });
  }
  return { at, id };
}

/** Cuts the one row too many that tells whether there is a next page. */
export function page<Row>(
  rows: readonly Row[],
  limit: number,
  key: (row: Row) => PageKey,
): { rows: readonly Row[]; nextCursor: string | null } {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return { rows: kept, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(key(last)) : null };
}
