-- What a container wrote to its volumes outlives it, and is found by the next one of that name and owner.

ALTER TABLE containers
  -- The container after which its volumes are called on their nodes; of the first of that name and owner, none.
  ADD COLUMN volumes_of UUID REFERENCES containers(id);
CREATE INDEX containers_by_last_name ON containers (owner_id, coalesce(former_name, name));
