CREATE TABLE documents (
  id uuid PRIMARY KEY,
  title text NOT NULL,
  -- The text's version and time as last heard of; realtime-service has the truth.
  version bigint NOT NULL DEFAULT 0,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  trashed_at timestamptz(3),
  -- Counts changes of title, owner and trash: the strong ETag of the metadata.
  metadata_revision bigint NOT NULL DEFAULT 1,
  -- Counts changes of rights. A permission row keeps the count of its own last change, so revisions of one user never go back,
  -- not even over a removal: what is said of a removed user carries the document's count.
  rights_revision bigint NOT NULL DEFAULT 1
);
CREATE INDEX documents_trash ON documents (trashed_at) WHERE trashed_at IS NOT NULL;

CREATE TABLE permissions (
  document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
  user_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
  revision bigint NOT NULL,
  granted_at timestamptz(3) NOT NULL,
  PRIMARY KEY (document_id, user_id)
);
CREATE UNIQUE INDEX permissions_one_owner ON permissions (document_id) WHERE role = 'owner';
CREATE INDEX permissions_user ON permissions (user_id);

CREATE TABLE invitations (
  id uuid PRIMARY KEY,
  document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
  email text NOT NULL,
  -- The address as it is compared: addresses are unique without regard to case.
  email_key text NOT NULL,
  role text NOT NULL CHECK (role IN ('editor', 'viewer')),
  token_hash bytea NOT NULL,
  invited_by uuid NOT NULL,
  created_at timestamptz(3) NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  UNIQUE (document_id, email_key)
);
CREATE INDEX invitations_address ON invitations (email_key);

CREATE TABLE links (
  document_id uuid PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('editor', 'viewer')),
  token_hash bytea NOT NULL UNIQUE,
  created_at timestamptz(3) NOT NULL
);

CREATE TABLE outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  ordering_key text NOT NULL,
  type text NOT NULL,
  event jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
