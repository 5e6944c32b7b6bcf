-- Newest version of each document that has been edited. Whoever moves a head from the version and rev that he knows has committed.
CREATE TABLE heads (
  document_id uuid PRIMARY KEY,
  version bigint NOT NULL,
  rev text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

-- The log. Row n turns the text of version n-1 into that of version n; `inverse` turns it back.
CREATE TABLE edits (
  document_id uuid NOT NULL,
  version bigint NOT NULL,
  rev text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('edit', 'undo', 'redo', 'first')),
  target bigint,                      -- version that an undo or redo inverts
  user_id uuid NOT NULL,
  client_id text NOT NULL,
  edit_id text,
  changes json NOT NULL,
  inverse json NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (document_id, version)
);

-- What a user can undo and redo is derived from his rows alone.
CREATE INDEX edits_by_user ON edits (document_id, user_id, version) INCLUDE (kind, target);

-- Ids of accepted edits. They outlive the rows of the log.
CREATE TABLE edit_ids (
  document_id uuid NOT NULL,
  user_id uuid NOT NULL,
  client_id text NOT NULL,
  edit_id text NOT NULL,
  version bigint NOT NULL,
  base bigint,                        -- version that the edit named, if it named one
  payload text NOT NULL,              -- fingerprint
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (document_id, user_id, client_id, edit_id)
);

CREATE TABLE snapshots (
  document_id uuid NOT NULL,
  version bigint NOT NULL,
  rev text NOT NULL,
  content text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (document_id, version)
);

-- Version of each document that `document.changed` was last emitted for.
CREATE TABLE announcements (
  document_id uuid PRIMARY KEY,
  version bigint NOT NULL,
  at timestamptz NOT NULL
);

CREATE TABLE outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  ordering_key text NOT NULL,
  type text NOT NULL,
  event jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
