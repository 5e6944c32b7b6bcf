import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from './problem.ts';

/** A strong ETag of a value that JSON can express. */
export function etagOf(value: unknown): string {
  return `"${createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 27)}"`;
}

/** Whether an If-Match or If-None-Match header names this ETag. Weak ones never match where strength is asked for. */
export function namesEtag(header: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (header.trim() === '*') return true;
  const names = header.split(',').map((name) => name.trim());
  return names.some((name) => name === etag || (comparison === 'weak' && name === `W/${etag}`));
}

/** Honours If-Match: throws `precondition_failed` where it names another state, `precondition_required` where it must be there. */
export function requireMatch(
  headers: IncomingHttpHeaders,
  etag: string,
  options: { required: boolean } = { required: false },
): void {
  const header = headers['if-match'];
  if (header === undefined) {
    if (options.required) throw new Problem('precondition_required');
    return;
  }
  if (!namesEtag(header, etag, 'strong'))
    throw new Problem('precondition_failed', undefined, { headers: { ETag: etag } });
}
