import { readdirSync } from 'node:fs';

const migrations = readdirSync('src/core/storage/postgres/migrations').filter((name) =>
  name.endsWith('.sql'),
);

/** What `migrate` answers once it has applied everything there is. */
export const newestSchema = migrations.length;
