-- Containers: what they are to be, where their replicas have a place, what those do, and what they use.

ALTER TABLE containers
  ADD COLUMN owner_id UUID NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001' REFERENCES members(id),
  ADD COLUMN desired TEXT NOT NULL DEFAULT 'running' CHECK (desired IN ('running', 'stopped', 'removed')),
  ADD COLUMN status_reason TEXT,
  ADD COLUMN status_since TIMESTAMPTZ NOT NULL DEFAULT now(),
  ADD COLUMN replicas INTEGER NOT NULL DEFAULT 1 CHECK (replicas BETWEEN 1 AND 100),
  -- The revision that it is to be, and the newest that came up everywhere.
  ADD COLUMN revision INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN stable_revision INTEGER,
  ADD COLUMN labels JSONB NOT NULL DEFAULT '{}',
  -- Which labels a node must have. The node that was named is in `wanted_node_id`; `node_id` is where the first replica is.
  ADD COLUMN selector JSONB NOT NULL DEFAULT '{}',
  ADD COLUMN wanted_node_id UUID REFERENCES nodes(id) ON DELETE SET NULL,
  ADD COLUMN payer_node_id UUID REFERENCES nodes(id),
  ADD COLUMN lost_after_seconds INTEGER NOT NULL DEFAULT 300,
  ADD COLUMN remove_volumes BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN former_name VARCHAR(255),
  ADD COLUMN removed_at TIMESTAMPTZ,
  ADD COLUMN version BIGINT NOT NULL DEFAULT 1,
  ADD CONSTRAINT containers_status CHECK (status IN ('pending', 'deploying', 'running', 'degraded', 'updating', 'stopping', 'stopped',
    'exited', 'failed', 'unknown', 'lost', 'removing', 'removed'));
-- Names are unique among what lives; what failed to come up or was removed has given its name up.
CREATE UNIQUE INDEX containers_living ON containers (name) WHERE removed_at IS NULL;
CREATE INDEX containers_by_name_in_c ON containers (name COLLATE "C");
CREATE INDEX containers_by_owner ON containers (owner_id);

CREATE TABLE container_revisions (
  container_id UUID NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  revision INTEGER NOT NULL,
  spec JSONB NOT NULL,
  -- SHA-256 over the spec in a fixed order of its fields.
  spec_hash TEXT NOT NULL,
  -- The image as the first replica found it. Every other one gets the same.
  digest TEXT,
  state TEXT NOT NULL DEFAULT 'current' CHECK (state IN ('current', 'superseded', 'failed')),
  reason TEXT,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  created_by TEXT NOT NULL,
  PRIMARY KEY (container_id, revision)
);

-- One replica's place on a node. What it reserves counts against the offer of the node until it has ended.
CREATE TABLE container_leases (
  id UUID PRIMARY KEY,
  container_id UUID NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
  node_id UUID NOT NULL REFERENCES nodes(id),
  replica INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  desired TEXT NOT NULL DEFAULT 'running' CHECK (desired IN ('running', 'stopped')),
  restart BIGINT NOT NULL DEFAULT 0,
  generation BIGINT NOT NULL DEFAULT 1,
  cpu_millis INTEGER NOT NULL,
  memory_bytes BIGINT NOT NULL,
  -- Ports of the node that it wants, as `8080/tcp`.
  host_ports TEXT[] NOT NULL DEFAULT '{}',
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- Since when it is not in the work of its node any more; it has ended when the node has said so.
  leaving_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  end_reason TEXT,
  -- What its node says.
  observed_generation BIGINT NOT NULL DEFAULT 0,
  phase TEXT NOT NULL DEFAULT 'assigned',
  report JSONB NOT NULL DEFAULT '{}',
  observed_at TIMESTAMPTZ
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX container_leases_living ON container_leases (container_id, replica)
  WHERE ended_at IS NULL AND leaving_at IS NULL;
CREATE INDEX container_leases_by_node ON container_leases (node_id) WHERE ended_at IS NULL;
CREATE INDEX container_leases_by_container ON container_leases (container_id);

-- What was used under a lease. Only ever appended; the same record told twice is one.
CREATE TABLE usage_records (
  lease_id UUID NOT NULL REFERENCES container_leases(id),
  boot_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  from_at TIMESTAMPTZ NOT NULL,
  to_at TIMESTAMPTZ NOT NULL,
  cpu_micros BIGINT NOT NULL CHECK (cpu_micros >= 0),
  memory_mib_seconds DOUBLE PRECISION NOT NULL CHECK (memory_mib_seconds >= 0),
  rx_bytes BIGINT NOT NULL CHECK (rx_bytes >= 0),
  tx_bytes BIGINT NOT NULL CHECK (tx_bytes >= 0),
  noted_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (lease_id, boot_id, seq)
);
CREATE INDEX usage_records_by_time ON usage_records USING brin (noted_at);

-- Encrypted under the master key, which is not in the database.
CREATE TABLE secrets (
  id UUID PRIMARY KEY,
  owner_id UUID NOT NULL REFERENCES members(id),
  name VARCHAR(63) NOT NULL,
  encrypted BYTEA NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  version BIGINT NOT NULL DEFAULT 1,
  UNIQUE (owner_id, name)
);

ALTER TABLE node_agents
  -- Number of what the node is to run, and what it has on its disk of it.
  ADD COLUMN work_generation BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN observed_work_generation BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN engine JSONB,
  ADD COLUMN engine_problem TEXT;
