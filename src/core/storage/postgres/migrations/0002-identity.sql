-- Who may do what: members, roles, sessions, personal access tokens; who owns a node; the audit log.

CREATE TABLE members (
  id UUID PRIMARY KEY,
  name VARCHAR(255) NOT NULL UNIQUE,
  status TEXT NOT NULL CHECK (status IN ('invited', 'active', 'disabled', 'removed')),
  roles TEXT[] NOT NULL DEFAULT '{member}',
  description TEXT,
  -- Argon2id in its own text form (PHC string); absent until the invitation is redeemed.
  password_hash TEXT,
  -- A removed member gives its name up for others; this is what it was called.
  former_name VARCHAR(255),
  last_seen_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  version BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX members_by_name_in_c ON members (name COLLATE "C");

-- The member that everyone who can open the local socket acts as.
INSERT INTO members (id, name, status, roles)
VALUES ('00000000-0000-4000-8000-000000000001', 'admin', 'active', '{admin}');

-- Roles of this grid's own; the built-in ones are in the program.
CREATE TABLE roles (
  name VARCHAR(63) PRIMARY KEY,
  summary TEXT NOT NULL DEFAULT '',
  permissions TEXT[] NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Secrets of 256 random bits are stored as their SHA-256: there is nothing to guess at.
CREATE TABLE invitations (
  secret_hash BYTEA PRIMARY KEY,
  member_id UUID NOT NULL REFERENCES members(id) ON DELETE CASCADE,
  expires_at TIMESTAMPTZ NOT NULL,
  used_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX invitations_by_member ON invitations (member_id);

CREATE TABLE sessions (
  id UUID PRIMARY KEY,
  member_id UUID NOT NULL REFERENCES members(id) ON DELETE CASCADE,
  client TEXT,
  source TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  last_used_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  ended_at TIMESTAMPTZ,
  ended_reason TEXT
);
CREATE INDEX sessions_by_member ON sessions (member_id);
CREATE INDEX sessions_expiring ON sessions (expires_at);

-- Used ones are kept as long as their session: a second use is how a theft shows.
CREATE TABLE refresh_tokens (
  secret_hash BYTEA PRIMARY KEY,
  session_id UUID NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
  created_at TIMESTAMPTZ NOT NULL,
  used_at TIMESTAMPTZ
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE access_tokens (
  id UUID PRIMARY KEY,
  member_id UUID NOT NULL REFERENCES members(id) ON DELETE CASCADE,
  name VARCHAR(64) NOT NULL,
  secret_hash BYTEA NOT NULL UNIQUE,
  scopes TEXT[] NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  last_used_at TIMESTAMPTZ,
  revoked_at TIMESTAMPTZ
);
CREATE INDEX access_tokens_newest ON access_tokens (created_at DESC, id DESC);
CREATE UNIQUE INDEX access_tokens_living ON access_tokens (member_id, name) WHERE revoked_at IS NULL;

-- What nobody else owns belongs to the administrator.
ALTER TABLE nodes ADD COLUMN owner_id UUID NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001' REFERENCES members(id);
CREATE INDEX nodes_by_owner ON nodes (owner_id);

ALTER TABLE operations ADD COLUMN member_id UUID NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001' REFERENCES members(id);
CREATE INDEX operations_by_member ON operations (member_id);

-- Whom an event concerns; absent, everyone.
ALTER TABLE events ADD COLUMN member_id UUID;

-- Which daemon works on the call, so that a crashed one's keys are free at once.
ALTER TABLE idempotency_keys ADD COLUMN daemon_id UUID;

-- The newest cursor of each topic: an answer that was read at this cursor is still right while it stands.
CREATE TABLE event_topics (topic TEXT PRIMARY KEY, cursor BIGINT NOT NULL);
INSERT INTO event_topics (topic, cursor)
  SELECT split_part(type, '.', 1), max(id) FROM events GROUP BY 1;

DROP FUNCTION append_event(TEXT, TEXT, TEXT, JSONB);
-- Ids must become visible in their order, or a reader that resumes after id 7 would miss a 6 that commits later.
-- The lock is held until the transaction ends, so appending is the last thing that a transaction does.
-- The type goes with the notification: it tells a cache what it may no longer believe.
CREATE FUNCTION append_event(type TEXT, object_kind TEXT, object_id TEXT, payload JSONB, member_id UUID DEFAULT NULL) RETURNS BIGINT
LANGUAGE plpgsql AS $$
DECLARE appended BIGINT;
BEGIN
  PERFORM pg_advisory_xact_lock(7310584390);
  INSERT INTO events (type, object_kind, object_id, payload, member_id)
    VALUES (type, object_kind, object_id, payload, member_id) RETURNING id INTO appended;
  INSERT INTO event_topics AS t (topic, cursor) VALUES (split_part(type, '.', 1), appended)
    ON CONFLICT (topic) DO UPDATE SET cursor = excluded.cursor;
  PERFORM pg_notify('syntropy_events', type);
  RETURN appended;
END $$;

-- Each hash covers the one before it, so that nothing in the middle can be changed, removed or inserted.
-- The text that is hashed is kept as it is; the columns beside it are read out of it and are for searching only.
CREATE TABLE audit_log (
  seq BIGINT PRIMARY KEY,
  entry TEXT NOT NULL,
  previous_hash BYTEA NOT NULL,
  hash BYTEA NOT NULL,
  at TIMESTAMPTZ NOT NULL DEFAULT now(),
  member_id TEXT GENERATED ALWAYS AS (entry::jsonb #>> '{member,id}') STORED,
  operation TEXT GENERATED ALWAYS AS (entry::jsonb ->> 'operation') STORED,
  object_ref TEXT GENERATED ALWAYS AS (entry::jsonb #>> '{object,ref}') STORED,
  outcome TEXT GENERATED ALWAYS AS (entry::jsonb ->> 'outcome') STORED
);
CREATE INDEX audit_log_by_member ON audit_log (member_id, seq);
CREATE INDEX audit_log_by_object ON audit_log (object_ref, seq);
CREATE INDEX audit_log_by_time ON audit_log (at);

-- Where the chain begins: the last entry that retention has taken away, or nothing at all.
CREATE TABLE audit_anchor (
  singleton BOOLEAN PRIMARY KEY DEFAULT true CHECK (singleton),
  seq BIGINT NOT NULL DEFAULT 0,
  hash BYTEA NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
);
INSERT INTO audit_anchor DEFAULT VALUES;

-- A call that has begun and is not yet in the log. What a crashed daemon leaves here is entered as "unknown".
CREATE TABLE audit_pending (
  id UUID PRIMARY KEY,
  daemon_id UUID NOT NULL,
  entry TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- hash = SHA-256(previous hash, then "<seq>:<entry>" in UTF-8).
CREATE FUNCTION append_audit(entry TEXT, pending UUID) RETURNS BIGINT
LANGUAGE plpgsql AS $$
DECLARE
  number BIGINT;
  previous BYTEA;
BEGIN
  IF pending IS NOT NULL THEN
    DELETE FROM audit_pending WHERE id = pending;
    -- Somebody has entered it already.
    IF NOT FOUND THEN RETURN NULL; END IF;
  END IF;
  PERFORM pg_advisory_xact_lock(7310584392);
  SELECT l.seq, l.hash INTO number, previous FROM audit_log l ORDER BY l.seq DESC LIMIT 1;
  IF NOT FOUND THEN SELECT a.seq, a.hash INTO number, previous FROM audit_anchor a; END IF;
  number := number + 1;
  INSERT INTO audit_log (seq, entry, previous_hash, hash)
    VALUES (number, entry, previous, sha256(previous || convert_to(number::text || ':' || entry, 'UTF8')));
  RETURN number;
END $$;

-- Retention is the one way out of the log, and it moves the anchor along.
CREATE FUNCTION prune_audit(keep INTERVAL) RETURNS BIGINT
LANGUAGE plpgsql AS $$
DECLARE
  last_seq BIGINT;
  last_hash BYTEA;
  removed BIGINT;
BEGIN
  PERFORM pg_advisory_xact_lock(7310584392);
  SELECT l.seq, l.hash INTO last_seq, last_hash FROM audit_log l
    WHERE l.at < now() - keep AND l.seq < (SELECT max(seq) FROM audit_log) ORDER BY l.seq DESC LIMIT 1;
  IF NOT FOUND THEN RETURN 0; END IF;
  PERFORM set_config('syntropy.audit_prune', 'on', true);
  DELETE FROM audit_log l WHERE l.seq <= last_seq;
  GET DIAGNOSTICS removed = ROW_COUNT;
  UPDATE audit_anchor SET seq = last_seq, hash = last_hash;
  PERFORM set_config('syntropy.audit_prune', 'off', true);
  RETURN removed;
END $$;

CREATE FUNCTION refuse_audit_change() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('syntropy.audit_prune', true) = 'on' THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
