import Type from 'typebox';

/** Every `code` that a problem document can carry. One code has one status. */
export type ErrorCode =
  | 'bad_request'
  | 'malformed_json'
  | 'unauthenticated'
  | 'invalid_credentials'
  | 'invalid_token'
  | 'token_reused'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'email_taken'
  | 'is_owner'
  | 'owner_cannot_leave'
  | 'document_trashed'
  | 'request_in_progress'
  | 'version_compacted'
  | 'precondition_failed'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'invalid_request'
  | 'idempotency_key_reused'
  | 'upgrade_required'
  | 'precondition_required'
  | 'rate_limited'
  | 'internal'
  | 'unavailable';

/** Status and title of each code. */
export const problems: Readonly<Record<ErrorCode, { readonly status: number; readonly title: string }>> = {
  bad_request: { status: 400, title: 'The request is malformed' },
  malformed_json: { status: 400, title: 'The body is not JSON' },
  unauthenticated: { status: 401, title: 'A valid access token is needed' },
  invalid_credentials: { status: 401, title: 'Email or password is wrong' },
  invalid_token: { status: 401, title: 'The token is unknown, used or expired' },
  token_reused: { status: 401, title: 'The refresh token was used before; its session is revoked' },
  forbidden: { status: 403, title: 'Your role does not allow this' },
  not_found: { status: 404, title: 'There is no such resource' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  email_taken: { status: 409, title: 'The email address has an account already' },
  is_owner: { status: 409, title: 'The user owns the document' },
  owner_cannot_leave: { status: 409, title: 'The owner cannot be removed' },
  document_trashed: { status: 409, title: 'The document is in the trash' },
  request_in_progress: { status: 409, title: 'A request with this Idempotency-Key is under way' },
  version_compacted: { status: 410, title: 'History no longer reaches that version' },
  precondition_failed: { status: 412, title: 'The resource has changed' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body is not application/json' },
  invalid_request: { status: 422, title: 'The request has invalid fields' },
  idempotency_key_reused: { status: 422, title: 'The Idempotency-Key was used for another request' },
  upgrade_required: { status: 426, title: 'This address speaks WebSocket' },
  precondition_required: { status: 428, title: 'If-Match is required' },
  rate_limited: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'The service failed' },
  unavailable: { status: 503, title: 'The service is not available for the moment' },
};

/** Body of every error answer (RFC 9457, `application/problem+json`). */
export const ProblemDocument = Type.Object(
  {
    type: Type.String({ description: 'A URI reference that identifies the code.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.Enum(Object.keys(problems)),
    errors: Type.Optional(
      Type.Array(
        Type.Object({ path: Type.String({ description: 'JSON Pointer of the field' }), message: Type.String() }),
      ),
    ),
  },
  { description: 'RFC 9457 problem details with a stable `code`.' },
);

/** One wrong field of an `invalid_request`. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}
