-- What nodes are to do, beside what they are called; and what they say of it.

ALTER TABLE nodes
  -- What its owner lends of it, at most.
  ADD COLUMN offer JSONB,
  -- Since when it takes no new work.
  ADD COLUMN drained_at TIMESTAMPTZ,
  ADD COLUMN drain_reason TEXT;

ALTER TABLE node_agents
  -- The start that is to end: a machine that has started since has obeyed, however often it is told.
  ADD COLUMN restart_boot_id TEXT,
  ADD COLUMN restart_force BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN restart_ordered_at TIMESTAMPTZ,
  -- It is to take its keys away and go.
  ADD COLUMN dismissed_at TIMESTAMPTZ,
  -- What the machine has to lend, and what it could not do of what it is told, both as its agent says.
  ADD COLUMN capacity JSONB,
  ADD COLUMN problems JSONB NOT NULL DEFAULT '[]';
