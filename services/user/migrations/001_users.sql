CREATE TABLE users (
  id uuid PRIMARY KEY,
  email text NOT NULL,
  -- What equal addresses have in common, whatever their case.
  email_key text NOT NULL CONSTRAINT users_email_key UNIQUE,
  name text NOT NULL,
  -- PHC string of argon2id.
  password text NOT NULL,
  verified boolean NOT NULL,
  -- SHA-256 of an invitation token that was sent with the registration before the invitation was heard of.
  claimed_invitation bytea,
  -- SHA-256 of the Idempotency-Key of the registration.
  registration_key bytea,
  created_at timestamptz NOT NULL
);
CREATE INDEX users_claimed_invitation ON users (claimed_invitation) WHERE claimed_invitation IS NOT NULL;

-- A session is the family of all refresh tokens that came from one login.
CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  expires_at timestamptz NOT NULL,
  -- Set when a refresh token was used twice. A session that was logged out is deleted.
  revoked_at timestamptz
);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE refresh_tokens (
  hash bytea PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);

CREATE TABLE mailed_tokens (
  hash bytea PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('verify_address', 'reset_password')),
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  expires_at timestamptz NOT NULL
);
CREATE INDEX mailed_tokens_user_id ON mailed_tokens (user_id);
CREATE INDEX mailed_tokens_expires_at ON mailed_tokens (expires_at);

-- Tokens that the document service had mailed: whoever has one reads the mail of that address.
CREATE TABLE invitations (
  hash bytea PRIMARY KEY,
  email_key text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX invitations_expires_at ON invitations (expires_at);

CREATE TABLE outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  ordering_key text NOT NULL,
  type text NOT NULL,
  event jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
