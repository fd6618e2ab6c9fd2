import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';

import type { TestDatabase } from '../../support/postgres.js';

import { AgentRepository } from '../../../src/core/storage/postgres/agent.repository.js';
import { MachineRepository } from '../../../src/core/storage/postgres/machine.repository.js';
import { connectOnce, joinToken, testAgent } from '../../support/agents.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

interface Known {
  readonly agents: AgentRepository;
  readonly machines: MachineRepository;
  readonly nodeId: string;
  readonly sessionId: string;
}

/** What is noted of a node by its agent's connection, beside whoever changes the node. */
const noted: readonly (readonly [string, (known: Known) => Promise<unknown>])[] = [
  [
    'a connection',
    ({ agents, nodeId }) =>
      agents.connect({
        nodeId,
        sessionId: randomUUID(),
        daemonId: randomUUID(),
        source: '192.0.2.1',
        bootId: 'boot-2',
        agentVersion: '1.0.0',
        protocol: 1,
        skewMs: 0,
      }),
  ],
  [
    'a heartbeat',
    ({ agents, nodeId, sessionId }) =>
      agents.beat([
        { nodeId, sessionId, skewMs: 0, observedGeneration: 1, sample: { cpuPercent: 50 } },
      ]),
  ],
  ['an ailment', ({ machines, sessionId }) => machines.ail(sessionId, ['disk-full'])],
  ['a leave', ({ agents, sessionId }) => agents.leave(sessionId)],
  ['a suspicion', ({ agents, nodeId }) => agents.suspect(nodeId, randomBytes(32))],
];

// Goal: two that change one node at the same time wait for each other in turn, and never both at once.
it.each(noted)(
  '%s waits for a change of its node, and holds nothing that the change needs',
  async (_, note) => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await agent.join(await joinToken(world), 'node-02');
    await using _connected = await connectOnce(agent);
    const { pool, db } = world.database;
    const { rows } = await pool.query<{ node_id: string; session_id: string }>(
      'select node_id, session_id from node_agents',
    );
    const known = {
      agents: new AgentRepository(db),
      machines: new MachineRepository(db),
      nodeId: rows[0]?.node_id ?? '',
      sessionId: rows[0]?.session_id ?? '',
    };

    const change = await pool.connect();
    await change.query('begin');
    await change.query('select from nodes where id = $1 for update', [known.nodeId]);
    const noting = note(known);
    await waitFor('it to wait for the change', () => hasWaiting(world.database));
    await change.query('update node_agents set generation = generation + 1');
    await change.query('commit');
    change.release();

    await expect(noting).resolves.not.toThrow();
  },
);

async function hasWaiting({ pool }: Pick<TestDatabase, 'pool'>): Promise<boolean> {
  const { rowCount } = await pool.query(
    "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return (rowCount ?? 0) > 0;
}
