// What `bench-api.mjs` compares the daemon with, in a process of its own: a bare Fastify that says hello, and one that reads a row of
// nodes by the daemon's own repository, with nothing around it.
import Fastify from 'fastify';

import { loadSource } from './load-source.mjs';

const { openDatabase } = await loadSource('src/core/storage/postgres/database.ts');
const { NodeRepository } = await loadSource('src/core/storage/postgres/node.repository.ts');
const database = await openDatabase({
  databaseUrl: process.env.DATABASE_URL,
  stateDir: '/nonexistent',
  logDir: '/nonexistent',
  onTrouble: () => undefined,
});
const nodes = new NodeRepository(database.db);
const app = Fastify();
app.get('/hello', async () => ({ hello: 'world' }));
app.get('/nodes/:node', async (request) => nodes.find(request.params.node));
await app.listen({ host: '127.0.0.1', port: 0 });
process.send({ port: app.server.address().port });
