import Type, { type Static } from 'typebox';
import { MAX_TEXT_BODY_BYTES } from '../limits.ts';
import { route } from '../route.ts';
import {
  answer,
  Email,
  failures,
  Id,
  IdParams,
  OpaqueToken,
  pageFields,
  pageOf,
  PageQuery,
  Timestamp,
  Title,
  Version,
} from './common.ts';
import { Content, HistoryEntry, VersionAnswer, VersionQuery } from './realtime.ts';

export const Role = Type.Enum(['owner', 'editor', 'viewer']);
export type Role = Static<typeof Role>;

/** A role that can be given away. */
export const SharedRole = Type.Enum(['editor', 'viewer']);
export type SharedRole = Static<typeof SharedRole>;

export const DocumentView = Type.Object({
  id: Id,
  title: Type.String(),
  ownerId: Id,
  role: Role,
  version: Version,
  createdAt: Timestamp,
  updatedAt: Timestamp,
  trashedAt: Type.Optional(Timestamp),
});
export type DocumentView = Static<typeof DocumentView>;

export const Permission = Type.Object({ userId: Id, email: Type.String(), name: Type.String(), role: Role });
export type Permission = Static<typeof Permission>;

export const Invitation = Type.Object({ id: Id, email: Type.String(), role: SharedRole, expiresAt: Timestamp });
export type Invitation = Static<typeof Invitation>;

const UserParams = Type.Object({ id: Id, userId: Id });
const Shared = Type.Union([Permission, Type.Object({ invitation: Invitation })]);
const etag = { ETag: 'Strong' };

/** What a request with an Idempotency-Key can meet. */
const repeated = ['request_in_progress', 'idempotency_key_reused'] as const;

/** What every route of one document can answer. */
const hidden = failures('unauthenticated', 'not_found');
const refused = failures('unauthenticated', 'not_found', 'forbidden');

/** Public routes of the document service. */
export const documentRoutes = {
  create: route({
    id: 'createDocument',
    method: 'post',
    path: '/documents',
    access: 'user',
    summary: 'Make a document',
    body: Type.Object({ title: Title, content: Type.Optional(Type.String()) }),
    bodyLimit: MAX_TEXT_BODY_BYTES,
    answers: {
      201: answer('The document', DocumentView, { Location: 'Its path', ...etag }),
      ...failures('malformed_json', 'unauthenticated', 'payload_too_large', 'invalid_request', ...repeated),
    },
  }),
  list: route({
    id: 'listDocuments',
    method: 'get',
    path: '/documents',
    access: 'user',
    summary: 'Own and shared documents, newest change first',
    query: Type.Object({
      ...pageFields,
      q: Type.Optional(
        Type.String({ maxLength: 300, pattern: '^[^\\u0000\\p{Cs}]*$', description: 'Searches titles' }),
      ),
      trashed: Type.Optional(Type.Boolean({ description: 'Own documents in the trash instead' })),
    }),
    answers: { 200: answer('A page', pageOf(DocumentView)), ...failures('unauthenticated', 'invalid_request') },
  }),
  get: route({
    id: 'getDocument',
    method: 'get',
    path: '/documents/{id}',
    access: 'user',
    summary: 'A document',
    params: IdParams,
    answers: { 200: answer('The document', DocumentView, etag), ...hidden },
  }),
  patch: route({
    id: 'renameDocument',
    method: 'patch',
    path: '/documents/{id}',
    access: 'user',
    summary: 'Change the title; If-Match is honoured',
    params: IdParams,
    body: Type.Object({ title: Title }),
    answers: {
      200: answer('The document', DocumentView, etag),
      ...refused,
      ...failures('malformed_json', 'precondition_failed', 'invalid_request', 'document_trashed'),
    },
  }),
  remove: route({
    id: 'trashDocument',
    method: 'delete',
    path: '/documents/{id}',
    access: 'user',
    summary: 'Put into the trash for 30 days; open sessions are closed',
    params: IdParams,
    answers: { 204: answer('In the trash'), ...refused },
  }),
  undelete: route({
    id: 'undeleteDocument',
    method: 'post',
    path: '/documents/{id}/undelete',
    access: 'user',
    summary: 'Take out of the trash',
    params: IdParams,
    answers: {
      200: answer('The document', DocumentView, etag),
      ...refused,
      ...failures(...repeated, 'invalid_request'),
    },
  }),
  share: route({
    id: 'shareDocument',
    method: 'post',
    path: '/documents/{id}/share',
    access: 'user',
    summary: 'Give somebody a role, or invite an address',
    params: IdParams,
    body: Type.Object({ email: Email, role: SharedRole }),
    answers: {
      200: answer('Changed', Shared),
      201: answer('New', Shared),
      ...refused,
      ...failures('malformed_json', 'is_owner', 'invalid_request', 'document_trashed', ...repeated),
    },
  }),
  permissions: route({
    id: 'listPermissions',
    method: 'get',
    path: '/documents/{id}/permissions',
    access: 'user',
    summary: 'Who may do what, the owner first',
    params: IdParams,
    query: PageQuery,
    answers: { 200: answer('A page', pageOf(Permission)), ...hidden },
  }),
  removePermission: route({
    id: 'removePermission',
    method: 'delete',
    path: '/documents/{id}/permissions/{userId}',
    access: 'user',
    summary: 'Take a role away, or leave',
    params: UserParams,
    answers: { 204: answer('Gone'), ...refused, ...failures('owner_cannot_leave') },
  }),
  myPermission: route({
    id: 'getMyPermission',
    method: 'get',
    path: '/documents/{id}/permissions/me',
    access: 'user',
    summary: 'The role of the caller',
    params: IdParams,
    answers: { 200: answer('The role', Type.Object({ role: Role })), ...hidden },
  }),
  invitations: route({
    id: 'listInvitations',
    method: 'get',
    path: '/documents/{id}/invitations',
    access: 'user',
    summary: 'Open invitations',
    params: IdParams,
    query: PageQuery,
    answers: { 200: answer('A page', pageOf(Invitation)), ...refused },
  }),
  removeInvitation: route({
    id: 'removeInvitation',
    method: 'delete',
    path: '/documents/{id}/invitations/{invitationId}',
    access: 'user',
    summary: 'Withdraw an invitation',
    params: Type.Object({ id: Id, invitationId: Id }),
    answers: { 204: answer('Gone'), ...refused },
  }),
  transfer: route({
    id: 'transferDocument',
    method: 'post',
    path: '/documents/{id}/transfer',
    access: 'user',
    summary: 'Make another user the owner; the former owner becomes editor',
    params: IdParams,
    body: Type.Object({ userId: Id }),
    answers: {
      200: answer('The document', DocumentView, etag),
      ...refused,
      ...failures('malformed_json', 'is_owner', 'invalid_request', 'document_trashed', ...repeated),
    },
  }),
  createLink: route({
    id: 'createLink',
    method: 'post',
    path: '/documents/{id}/link',
    access: 'user',
    summary: 'Make a join link; the one before dies',
    params: IdParams,
    body: Type.Object({ role: SharedRole }),
    answers: {
      201: answer('The token, told once', Type.Object({ token: Type.String(), role: SharedRole })),
      ...refused,
      ...failures('malformed_json', 'invalid_request', 'document_trashed'),
    },
  }),
  removeLink: route({
    id: 'removeLink',
    method: 'delete',
    path: '/documents/{id}/link',
    access: 'user',
    summary: 'Take the join link back',
    params: IdParams,
    answers: { 204: answer('There is no link'), ...refused },
  }),
  join: route({
    id: 'joinDocument',
    method: 'post',
    path: '/documents/join',
    access: 'user',
    summary: 'Join by a link; a higher role is kept',
    body: Type.Object({ token: OpaqueToken }),
    answers: {
      200: answer('The document', DocumentView, etag),
      ...hidden,
      ...failures('malformed_json', 'invalid_request', ...repeated),
    },
  }),
  getContent: route({
    id: 'getContent',
    method: 'get',
    path: '/documents/{id}/content',
    access: 'user',
    summary: 'Text at a version, by default the newest',
    params: IdParams,
    query: VersionQuery,
    answers: {
      200: answer('The text', Content, { ETag: 'The version' }),
      ...hidden,
      ...failures('version_compacted', 'invalid_request', 'unavailable'),
    },
  }),
  putContent: route({
    id: 'putContent',
    method: 'put',
    path: '/documents/{id}/content',
    access: 'user',
    summary: 'Replace the text by one minimal edit; If-Match with the version is required',
    params: IdParams,
    body: Type.Object({ content: Type.String() }),
    bodyLimit: MAX_TEXT_BODY_BYTES,
    answers: {
      200: answer('Applied', VersionAnswer, { ETag: 'The version' }),
      ...refused,
      ...failures(
        'malformed_json',
        'precondition_failed',
        'payload_too_large',
        'invalid_request',
        'precondition_required',
        'unavailable',
        'document_trashed',
      ),
    },
  }),
  history: route({
    id: 'getHistory',
    method: 'get',
    path: '/documents/{id}/history',
    access: 'user',
    summary: 'Edits, newest first',
    params: IdParams,
    query: PageQuery,
    answers: { 200: answer('A page', pageOf(HistoryEntry)), ...hidden, ...failures('invalid_request', 'unavailable') },
  }),
  restore: route({
    id: 'restoreVersion',
    method: 'post',
    path: '/documents/{id}/restore',
    access: 'user',
    summary: 'Bring an old text back by a new edit',
    params: IdParams,
    body: Type.Object({ version: Version }),
    answers: {
      200: answer('Applied', VersionAnswer),
      ...refused,
      ...failures(
        'malformed_json',
        'version_compacted',
        'invalid_request',
        'unavailable',
        'document_trashed',
        ...repeated,
      ),
    },
  }),
};
