-- How nodes fare: what their agents tell, as it came and as means over minutes and hours.

-- As it came. Kept for hours only, and without a reference: two hundred rows a second look nothing up.
CREATE TABLE node_samples (
  node_id UUID NOT NULL,
  at TIMESTAMPTZ NOT NULL,
  cpu_percent DOUBLE PRECISION,
  load1 DOUBLE PRECISION,
  load5 DOUBLE PRECISION,
  load15 DOUBLE PRECISION,
  memory_used BIGINT,
  memory_total BIGINT,
  swap_used BIGINT,
  swap_total BIGINT,
  disk_used BIGINT,
  disk_total BIGINT,
  network_rx DOUBLE PRECISION,
  network_tx DOUBLE PRECISION,
  temperature DOUBLE PRECISION,
  uptime BIGINT,
  PRIMARY KEY (node_id, at)
);
-- What is rolled up and what is forgotten is found by time; rows arrive in its order.
CREATE INDEX node_samples_by_time ON node_samples USING brin (at) WITH (pages_per_range = 16, autosummarize = on);

-- Means over the minute, and over the hour, that begins at `at`; `samples` is how many they are of.
CREATE TABLE node_samples_minute (
  LIKE node_samples,
  samples INTEGER NOT NULL,
  PRIMARY KEY (node_id, at),
  FOREIGN KEY (node_id) REFERENCES nodes(id) ON DELETE CASCADE
);
CREATE INDEX node_samples_minute_by_time ON node_samples_minute USING brin (at) WITH (pages_per_range = 16, autosummarize = on);

CREATE TABLE node_samples_hour (
  LIKE node_samples_minute,
  PRIMARY KEY (node_id, at),
  FOREIGN KEY (node_id) REFERENCES nodes(id) ON DELETE CASCADE
);
CREATE INDEX node_samples_hour_by_time ON node_samples_hour USING brin (at) WITH (pages_per_range = 16, autosummarize = on);

-- Up to when, not including it, each resolution is rolled up.
CREATE TABLE node_sample_rollups (
  resolution TEXT PRIMARY KEY CHECK (resolution IN ('minute', 'hour')),
  until TIMESTAMPTZ NOT NULL
);
INSERT INTO node_sample_rollups VALUES ('minute', date_trunc('minute', now(), 'UTC')), ('hour', date_trunc('hour', now(), 'UTC'));

-- What the daemon that holds the connection finds wrong with the machine, so that another one does not begin anew.
ALTER TABLE node_agents ADD COLUMN ailments TEXT[] NOT NULL DEFAULT '{}';
