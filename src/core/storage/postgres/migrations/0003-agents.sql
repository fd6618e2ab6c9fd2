-- Nodes that live: who may join, which key a node proves itself with, and when it was last heard of.

ALTER TABLE join_tokens
  -- Whose nodes it makes. The token on a stick has its node, which has an owner already.
  ADD COLUMN owner_id UUID REFERENCES members(id),
  ADD COLUMN labels JSONB NOT NULL DEFAULT '{}',
  ADD COLUMN approval TEXT NOT NULL DEFAULT 'auto' CHECK (approval IN ('auto', 'manual')),
  ADD COLUMN max_uses INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN last_used_at TIMESTAMPTZ;
CREATE INDEX join_tokens_newest ON join_tokens (created_at DESC, id DESC);

-- The agent of a node: its keys, its session, and what it last said. Written with each flush of heartbeats, so no index but the keys'.
CREATE TABLE node_agents (
  node_id UUID PRIMARY KEY REFERENCES nodes(id) ON DELETE CASCADE,
  -- Raw Ed25519 and X25519 keys. The private halves never leave the node.
  identity_key BYTEA NOT NULL UNIQUE CHECK (length(identity_key) = 32),
  wireguard_key BYTEA NOT NULL UNIQUE CHECK (length(wireguard_key) = 32),
  -- SHA-256 over what identifies the machine, keyed by the node: equal only to itself.
  machine BYTEA NOT NULL CHECK (length(machine) = 32),
  approval TEXT NOT NULL CHECK (approval IN ('approved', 'pending', 'rejected')),
  -- Another machine that came with its identity, and waits to be approved in its place.
  pending_machine BYTEA,
  join_token_id UUID REFERENCES join_tokens(id) ON DELETE SET NULL,
  joined_at TIMESTAMPTZ NOT NULL,
  agent_version TEXT,
  protocol INTEGER,
  boot_id TEXT,
  -- The connection that it has now, and the daemon that holds it; absent while there is none.
  session_id UUID,
  daemon_id UUID,
  source TEXT,
  connected_at TIMESTAMPTZ,
  last_seen_at TIMESTAMPTZ,
  clock_skew_ms BIGINT,
  -- When it connected lately, oldest first: one that comes and goes is told from one that stays.
  connects TIMESTAMPTZ[] NOT NULL DEFAULT '{}',
  generation BIGINT NOT NULL DEFAULT 1,
  observed_generation BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
