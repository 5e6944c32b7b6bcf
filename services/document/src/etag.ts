import type { Role } from '@collabeditor/contracts';

/** Metadata look different to each role, so the role is part of the tag. */
export function documentEtag(metadataRevision: number, role: Role): string {
  return `"${metadataRevision}.${role}"`;
}

export function versionEtag(version: number): string {
  return `"${version}"`;
}

/** The strong tags of an If-Match header, or `*`. Weak tags never match (RFC 9110, 13.1.1), so they are left out. */
export function parseIfMatch(header: string): '*' | readonly string[] {
  if (header.trim() === '*') return '*';
  return [...header.matchAll(/(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g)]
    .filter(([, weak]) => weak === undefined)
    .map(([, , tag = '']) => tag);
}

export function ifMatchHolds(header: string, etag: string): boolean {
  const tags = parseIfMatch(header);
  return tags === '*' || tags.includes(etag);
}

/** The versions that an If-Match of a text names. */
export function ifMatchVersions(tags: readonly string[]): readonly number[] {
  return tags.filter((tag) => /^"\d{1,15}"$/.test(tag)).map((tag) => Number(tag.slice(1, -1)));
}
