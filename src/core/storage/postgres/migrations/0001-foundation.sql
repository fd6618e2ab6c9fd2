-- The tables of SPEC.md with their names, types and keys, and what the foundation adds to them.

CREATE TABLE nodes (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  name VARCHAR(255) NOT NULL UNIQUE,
  status VARCHAR(50) NOT NULL CHECK (status IN ('provisioning', 'provisioned', 'joining', 'online', 'degraded',
    'offline', 'lost', 'retired', 'failed')),
  hardware_info JSONB,
  network_config JSONB,
  created_at TIMESTAMPTZ DEFAULT now(),
  updated_at TIMESTAMPTZ DEFAULT now(),
  description TEXT,
  labels JSONB NOT NULL DEFAULT '{}',
  location TEXT,
  failure_reason TEXT,
  -- How its stick was written; replaced when it is written again.
  provisioning JSONB,
  status_since TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- A retired node gives its name up for others; this is what it was called.
  former_name VARCHAR(255),
  retired_at TIMESTAMPTZ,
  version BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX nodes_by_name_in_c ON nodes (name COLLATE "C");

CREATE TABLE containers (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  node_id UUID REFERENCES nodes(id) ON DELETE CASCADE,
  name VARCHAR(255) NOT NULL,
  image VARCHAR(255) NOT NULL,
  status VARCHAR(50) NOT NULL,
  config JSONB,
  created_at TIMESTAMPTZ DEFAULT now(),
  updated_at TIMESTAMPTZ DEFAULT now()
);
CREATE INDEX containers_by_node ON containers (node_id);

CREATE TABLE network_routes (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  source_node_id UUID REFERENCES nodes(id),
  destination_node_id UUID REFERENCES nodes(id),
  config JSONB,
  created_at TIMESTAMPTZ DEFAULT now()
);
CREATE INDEX network_routes_by_source ON network_routes (source_node_id);
CREATE INDEX network_routes_by_destination ON network_routes (destination_node_id);

CREATE TABLE cooperative_credits (
  node_id UUID REFERENCES nodes(id) PRIMARY KEY,
  balance DECIMAL(15,2) DEFAULT 0,
  last_transaction_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ DEFAULT now()
);

-- The daemons that work on this database, so that a crashed one's operations can be told from a living one's.
CREATE TABLE daemons (
  id UUID PRIMARY KEY,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  heartbeat_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE operations (
  id UUID PRIMARY KEY,
  kind TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted')),
  subject TEXT NOT NULL,
  node_id UUID REFERENCES nodes(id) ON DELETE SET NULL,
  -- The name at that time: history stays readable after a rename or a removal.
  node_name TEXT,
  input JSONB NOT NULL DEFAULT '{}',
  progress JSONB,
  result JSONB,
  error JSONB,
  daemon_id UUID,
  cancel_requested_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL,
  started_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX operations_newest ON operations (created_at DESC, id DESC);
CREATE INDEX operations_unended ON operations (created_at) WHERE ended_at IS NULL;
CREATE INDEX operations_by_node ON operations (node_id);

CREATE TABLE events (
  id BIGSERIAL PRIMARY KEY,
  type TEXT NOT NULL,
  object_kind TEXT NOT NULL,
  object_id TEXT NOT NULL,
  payload JSONB NOT NULL DEFAULT '{}',
  created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
-- The newest cursor that is no longer kept; one row.
CREATE TABLE events_pruned (singleton BOOLEAN PRIMARY KEY DEFAULT true CHECK (singleton), cursor BIGINT NOT NULL DEFAULT 0);
INSERT INTO events_pruned DEFAULT VALUES;

-- Ids must become visible in their order, or a reader that resumes after id 7 would miss a 6 that commits later.
-- The lock is held until the transaction ends, so appending is the last thing that a transaction does.
CREATE FUNCTION append_event(type TEXT, object_kind TEXT, object_id TEXT, payload JSONB) RETURNS BIGINT
LANGUAGE plpgsql AS $$
DECLARE appended BIGINT;
BEGIN
  PERFORM pg_advisory_xact_lock(7310584390);
  INSERT INTO events (type, object_kind, object_id, payload) VALUES (type, object_kind, object_id, payload)
    RETURNING id INTO appended;
  PERFORM pg_notify('syntropy_events', '');
  RETURN appended;
END $$;

CREATE TABLE idempotency_keys (
  subject TEXT NOT NULL,
  key TEXT NOT NULL,
  operation TEXT NOT NULL,
  request_hash BYTEA NOT NULL,
  -- Absent while the first call runs.
  response JSONB,
  completed_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (subject, key)
);
CREATE INDEX idempotency_keys_expiring ON idempotency_keys (expires_at);

CREATE TABLE join_tokens (
  id UUID PRIMARY KEY,
  token_hash BYTEA NOT NULL UNIQUE,
  node_id UUID REFERENCES nodes(id) ON DELETE CASCADE,
  reusable BOOLEAN NOT NULL DEFAULT false,
  uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
  expires_at TIMESTAMPTZ NOT NULL,
  revoked_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL,
  created_by TEXT NOT NULL
);
CREATE INDEX join_tokens_by_node ON join_tokens (node_id);

-- Private halves are encrypted under the master key, which is not in the database.
CREATE TABLE keys (
  id UUID PRIMARY KEY,
  purpose TEXT NOT NULL CHECK (purpose IN ('ca', 'token-signing')),
  algorithm TEXT NOT NULL,
  public_pem TEXT NOT NULL,
  encrypted_private BYTEA NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  retired_at TIMESTAMPTZ
);
