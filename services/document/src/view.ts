import type { DocumentView, Invitation } from '@collabeditor/contracts';
import type { Held, TextHead } from './store/documents.ts';
import type { InvitationRow } from './store/invitations.ts';

/** A document as its reader gets it; of two versions heard of, the newer one. */
export function documentView({ document, role }: Held, head?: TextHead): DocumentView {
  const updatedAt = Math.max(document.updatedAt.getTime(), head?.updatedAt?.getTime() ?? 0);
  return {
    id: document.id,
    title: document.title,
    // Only the owner sees what is in the trash, so whoever reads this reads of an owner.
    ownerId: document.ownerId ?? '',
    role,
    version: Math.max(document.version, head?.version ?? 0),
    createdAt: document.createdAt.toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
    ...(document.trashedAt ? { trashedAt: document.trashedAt.toISOString() } : {}),
  };
}

export function invitationView({ id, email, role, expiresAt }: InvitationRow): Invitation {
  return { id, email, role, expiresAt: expiresAt.toISOString() };
}
