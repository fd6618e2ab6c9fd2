-- A revision has one image, also where a tag moved while its replicas fetched it.

ALTER TABLE container_leases
  -- It had found another image than the revision has: to its node it is another container, with the image of the revision.
  ADD COLUMN is_pinned_anew BOOLEAN NOT NULL DEFAULT false;
