import Type, { type Static } from 'typebox';
import { route } from '../route.ts';
import { answer, Email, failures, Id, Ids, Name, OpaqueToken, Password, Timestamp } from './common.ts';

export const User = Type.Object({
  id: Id,
  email: Type.String(),
  name: Type.String(),
  verified: Type.Boolean(),
  createdAt: Timestamp,
});
export type User = Static<typeof User>;

export const Tokens = Type.Object({
  accessToken: Type.String({ description: 'EdDSA JWT' }),
  refreshToken: Type.String(),
  expiresIn: Type.Integer({ description: 'Seconds until the access token runs out' }),
});
export type Tokens = Static<typeof Tokens>;

export const Session = Type.Object({ user: User, ...Tokens.properties });
export type Session = Static<typeof Session>;

/** What one service tells another about a user. */
export const UserCard = Type.Object({ id: Id, email: Type.String(), name: Type.String(), verified: Type.Boolean() });
export type UserCard = Static<typeof UserCard>;

export const JsonWebKeySet = Type.Object({
  keys: Type.Array(
    Type.Object({
      kty: Type.Literal('OKP'),
      crv: Type.Literal('Ed25519'),
      x: Type.String(),
      kid: Type.String(),
      alg: Type.Literal('EdDSA'),
      use: Type.Literal('sig'),
    }),
  ),
});
export type JsonWebKeySet = Static<typeof JsonWebKeySet>;

/** A password that is compared: whatever it is, the answer is `invalid_credentials` and not a hint. */
const Claimed = Type.String();

const jwks = route({
  id: 'getKeys',
  method: 'get',
  path: '/auth/.well-known/jwks.json',
  access: 'public',
  summary: 'Public keys of the access tokens',
  answers: { 200: answer('The keys', JsonWebKeySet, { 'Cache-Control': 'How long the set may be kept' }) },
});

/** Public routes of the user service. */
export const userRoutes = {
  register: route({
    id: 'register',
    method: 'post',
    path: '/auth/register',
    access: 'public',
    summary: 'Make an account',
    body: Type.Object({
      email: Email,
      password: Password,
      name: Type.Optional(Name),
      invitationToken: Type.Optional(OpaqueToken),
    }),
    answers: {
      201: answer('The account and its first session', Session),
      ...failures('malformed_json', 'email_taken', 'invalid_request', 'rate_limited'),
    },
  }),
  verify: route({
    id: 'verify',
    method: 'post',
    path: '/auth/verify',
    access: 'public',
    summary: 'Prove an address by a mailed token',
    body: Type.Object({ token: OpaqueToken }),
    answers: {
      200: answer('The address is verified', Type.Object({ user: User })),
      ...failures('malformed_json', 'invalid_token', 'invalid_request'),
    },
  }),
  login: route({
    id: 'login',
    method: 'post',
    path: '/auth/login',
    access: 'public',
    summary: 'Begin a session',
    body: Type.Object({ email: Type.String(), password: Claimed }),
    answers: {
      200: answer('A session', Session),
      ...failures('malformed_json', 'invalid_credentials', 'invalid_request', 'rate_limited'),
    },
  }),
  refresh: route({
    id: 'refresh',
    method: 'post',
    path: '/auth/refresh',
    access: 'public',
    summary: 'Exchange a refresh token for a new pair; the old one dies',
    body: Type.Object({ refreshToken: OpaqueToken }),
    answers: {
      200: answer('A new pair', Tokens),
      ...failures('malformed_json', 'invalid_token', 'token_reused', 'invalid_request'),
    },
  }),
  logout: route({
    id: 'logout',
    method: 'post',
    path: '/auth/logout',
    access: 'public',
    summary: 'End the session of a refresh token',
    body: Type.Object({ refreshToken: OpaqueToken }),
    answers: {
      204: answer('The session is over, whatever the token was'),
      ...failures('malformed_json', 'invalid_request'),
    },
  }),
  logoutAll: route({
    id: 'logoutAll',
    method: 'post',
    path: '/auth/logout-all',
    access: 'user',
    summary: 'End all sessions of the caller',
    answers: { 204: answer('All refresh tokens are dead'), ...failures('unauthenticated') },
  }),
  changePassword: route({
    id: 'changePassword',
    method: 'post',
    path: '/auth/password',
    access: 'user',
    summary: 'Change the password; all sessions end',
    body: Type.Object({ current: Claimed, new: Password }),
    answers: {
      204: answer('Changed'),
      ...failures('malformed_json', 'unauthenticated', 'invalid_credentials', 'invalid_request', 'rate_limited'),
    },
  }),
  forgotPassword: route({
    id: 'forgotPassword',
    method: 'post',
    path: '/auth/password/forgot',
    access: 'public',
    summary: 'Ask for a mailed reset link',
    body: Type.Object({ email: Type.String() }),
    answers: {
      202: answer('Accepted, whether the address is known or not'),
      ...failures('malformed_json', 'invalid_request'),
    },
  }),
  resetPassword: route({
    id: 'resetPassword',
    method: 'post',
    path: '/auth/password/reset',
    access: 'public',
    summary: 'Set a new password by a mailed token; all sessions end',
    body: Type.Object({ token: OpaqueToken, password: Password }),
    answers: { 204: answer('Changed'), ...failures('malformed_json', 'invalid_token', 'invalid_request') },
  }),
  me: route({
    id: 'getMe',
    method: 'get',
    path: '/auth/me',
    access: 'user',
    summary: 'The caller',
    answers: { 200: answer('The caller', User, { ETag: 'Strong' }), ...failures('unauthenticated') },
  }),
  patchMe: route({
    id: 'patchMe',
    method: 'patch',
    path: '/auth/me',
    access: 'user',
    summary: 'Change the own name',
    body: Type.Object({ name: Name }),
    answers: { 200: answer('The caller', User), ...failures('malformed_json', 'unauthenticated', 'invalid_request') },
  }),
  deleteMe: route({
    id: 'deleteMe',
    method: 'delete',
    path: '/auth/me',
    access: 'user',
    summary: 'Delete the own account',
    body: Type.Object({ password: Claimed }),
    answers: {
      204: answer('Gone'),
      ...failures('malformed_json', 'unauthenticated', 'invalid_credentials', 'invalid_request', 'rate_limited'),
    },
  }),
  jwks,
};

/** Routes of the user service for other services (port 8081). */
export const userPeerRoutes = {
  userByEmail: route({
    id: 'userByEmail',
    method: 'get',
    path: '/internal/users',
    access: 'peer',
    summary: 'A user by address',
    query: Type.Object({ email: Type.String() }),
    answers: { 200: answer('The user', UserCard), ...failures('unauthenticated', 'not_found') },
  }),
  usersLookup: route({
    id: 'usersLookup',
    method: 'post',
    path: '/internal/users/lookup',
    access: 'peer',
    summary: 'Users by id; unknown ids are left out',
    body: Type.Object({ ids: Ids }),
    answers: { 200: answer('The users', Type.Object({ users: Type.Array(UserCard) })), ...failures('unauthenticated') },
  }),
  jwks,
};
