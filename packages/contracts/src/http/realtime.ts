import Type, { type Static } from 'typebox';
import { BATCH_MAX, MAX_TEXT_BODY_BYTES } from '../limits.ts';
import { route } from '../route.ts';
import { answer, failures, Id, IdParams, Ids, PageQuery, pageOf, Timestamp, Version } from './common.ts';

export const Content = Type.Object({ content: Type.String(), version: Version });
export type Content = Static<typeof Content>;

export const VersionAnswer = Type.Object({ version: Version });
export const VersionQuery = Type.Object({ version: Type.Optional(Version) });

export const HistoryEntry = Type.Object({ version: Version, userId: Id, at: Timestamp });
export type HistoryEntry = Static<typeof HistoryEntry>;

export const DocumentVersion = Type.Object({
  id: Id,
  version: Version,
  updatedAt: Type.Union([Timestamp, Type.Null()]),
});
export type DocumentVersion = Static<typeof DocumentVersion>;

/** Routes of the realtime service for other services (port 8081). It has no public REST route. */
export const realtimePeerRoutes = {
  putFirst: route({
    id: 'putFirstContent',
    method: 'put',
    path: '/internal/documents/{id}',
    access: 'peer',
    summary: 'Write the first content as edit 1 of the owner; edit id = document id',
    params: IdParams,
    body: Type.Object({ content: Type.String() }),
    bodyLimit: MAX_TEXT_BODY_BYTES,
    answers: {
      200: answer('Was there already', VersionAnswer),
      201: answer('Written', VersionAnswer),
      ...failures('unauthenticated', 'payload_too_large', 'invalid_request'),
    },
  }),
  getContent: route({
    id: 'getContentInternal',
    method: 'get',
    path: '/internal/documents/{id}/content',
    access: 'peer',
    summary: 'Text at a version, by default the newest',
    params: IdParams,
    query: VersionQuery,
    answers: { 200: answer('The text', Content), ...failures('unauthenticated', 'not_found', 'version_compacted') },
  }),
  putContent: route({
    id: 'putContentInternal',
    method: 'put',
    path: '/internal/documents/{id}/content',
    access: 'peer',
    summary: 'Replace the text of a version by one minimal edit of the user',
    params: IdParams,
    body: Type.Object({ content: Type.String(), version: Version }),
    bodyLimit: MAX_TEXT_BODY_BYTES,
    answers: {
      200: answer('Applied', VersionAnswer),
      ...failures('unauthenticated', 'precondition_failed', 'payload_too_large', 'invalid_request'),
    },
  }),
  history: route({
    id: 'historyInternal',
    method: 'get',
    path: '/internal/documents/{id}/history',
    access: 'peer',
    summary: 'Edits, newest first',
    params: IdParams,
    query: PageQuery,
    answers: { 200: answer('A page', pageOf(HistoryEntry)), ...failures('unauthenticated', 'invalid_request') },
  }),
  restore: route({
    id: 'restoreInternal',
    method: 'post',
    path: '/internal/documents/{id}/restore',
    access: 'peer',
    summary: 'Bring an old text back by a new edit of the user',
    params: IdParams,
    body: Type.Object({ version: Version }),
    answers: {
      200: answer('Applied', VersionAnswer),
      ...failures('unauthenticated', 'not_found', 'version_compacted', 'invalid_request'),
    },
  }),
  versions: route({
    id: 'documentVersions',
    method: 'post',
    path: '/internal/documents/versions',
    access: 'peer',
    summary: 'Head versions; an unknown id has version 0',
    body: Type.Object({ ids: Ids }),
    answers: {
      200: answer('The versions', Type.Object({ versions: Type.Array(DocumentVersion, { maxItems: BATCH_MAX }) })),
      ...failures('unauthenticated', 'invalid_request'),
    },
  }),
  remove: route({
    id: 'removeContent',
    method: 'delete',
    path: '/internal/documents/{id}',
    access: 'peer',
    summary: 'Close the sessions and delete the text for good',
    params: IdParams,
    answers: { 204: answer('Gone'), ...failures('unauthenticated') },
  }),
};
