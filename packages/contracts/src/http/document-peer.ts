import Type, { type Static } from 'typebox';
import { BATCH_MAX } from '../limits.ts';
import { route } from '../route.ts';
import { answer, failures, Id, IdParams, Ids } from './common.ts';
import { Role } from './document.ts';

/** `revision` grows with every change of a user's role on a document. */
export const RoleAnswer = Type.Object({ role: Role, revision: Type.Integer({ minimum: 0 }) });
export type RoleAnswer = Static<typeof RoleAnswer>;

export const RoleOfPair = Type.Object({
  documentId: Id,
  userId: Id,
  role: Type.Union([Role, Type.Null()]),
  revision: Type.Integer({ minimum: 0 }),
});
export type RoleOfPair = Static<typeof RoleOfPair>;

/** Routes of the document service for other services (port 8081). */
export const documentPeerRoutes = {
  role: route({
    id: 'documentRole',
    method: 'get',
    path: '/internal/documents/{id}/role',
    access: 'peer',
    summary: 'The role of the user whose token is sent along',
    params: IdParams,
    answers: { 200: answer('The role', RoleAnswer), ...failures('unauthenticated', 'not_found') },
  }),
  roles: route({
    id: 'documentRoles',
    method: 'post',
    path: '/internal/roles',
    access: 'peer',
    summary: 'Roles of many users at once',
    body: Type.Object({ pairs: Type.Array(Type.Object({ documentId: Id, userId: Id }), { maxItems: BATCH_MAX }) }),
    answers: {
      200: answer('The roles', Type.Object({ roles: Type.Array(RoleOfPair) })),
      ...failures('unauthenticated', 'invalid_request'),
    },
  }),
  existing: route({
    id: 'existingDocuments',
    method: 'post',
    path: '/internal/documents/existing',
    access: 'peer',
    summary: 'Which of these have metadata, live or in the trash',
    body: Type.Object({ ids: Ids }),
    answers: {
      200: answer('Those that exist', Type.Object({ ids: Ids })),
      ...failures('unauthenticated', 'invalid_request'),
    },
  }),
};
