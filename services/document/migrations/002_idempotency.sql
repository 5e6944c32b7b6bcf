-- Requests with an Idempotency-Key: claimed when they begin, with their answer when they succeeded.
CREATE TABLE idempotency (
  user_id uuid NOT NULL,
  key text NOT NULL,
  request_hash bytea NOT NULL,
  claimed_at timestamptz NOT NULL,
  -- Null while the request is under way.
  answer jsonb,
  PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_age ON idempotency (claimed_at);
