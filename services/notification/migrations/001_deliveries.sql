-- One row per event that has its mail. It is inserted before the mail is handed over and committed after the server took it:
-- a second delivery of the event waits at the row until then. A row that exists means: never mail this event again.
CREATE TABLE deliveries (
  event_id uuid PRIMARY KEY,
  type text NOT NULL,
  result text NOT NULL CHECK (result IN ('sent', 'logged')),
  message_id text NOT NULL,
  delivered_at timestamptz NOT NULL DEFAULT now()
);
