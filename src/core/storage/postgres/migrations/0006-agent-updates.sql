-- What the agent of a node is to be replaced with.

ALTER TABLE node_agents
  -- Absent when it is what it is to be.
  ADD COLUMN wanted_version TEXT,
  -- The generation that this was ordered with: the same version ordered again is another order, which is tried anew.
  ADD COLUMN wanted_order BIGINT;
