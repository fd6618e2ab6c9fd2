import { type Kysely, sql } from 'kysely';

import type { MachineStore } from '../../services/node/machine.ports.js';
import type { Hardware } from '../../types/models/hardware.js';
import type { Ailment } from '../../utils/node-ailments.js';

import { isFlapping } from '../../utils/node-life.js';
import { appendEvent } from './event.repository.js';
import { assess, type Assessed } from './node-assessment.js';
import { holdNodeOf } from './node-lock.js';

/** Nodes that one round settles in one transaction; the next takes up the rest. */
const PAGE = 500;

/** The machines behind nodes: what they are made of, and what is wrong with them. */
export class MachineRepository implements MachineStore {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    this.#db = db;
  }

  async ail(sessionId: string, ailments: readonly Ailment[]): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await holdNodeOf(tx, sessionId);
      const { rows } = await sql<Assessed>`
        update node_agents set ailments = ${[...ailments]}::text[] where session_id = ${sessionId} and approval = 'approved'
        returning node_id, connects, ailments, now() as now`.execute(tx);
      const [agent] = rows;
      if (agent) await assess(tx, agent);
    });
  }

  async describe(sessionId: string, hardware: Hardware): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      const json = JSON.stringify(hardware);
      const { rows } = await sql<{ id: string; name: string }>`
        update nodes set hardware_info = ${json}::jsonb, updated_at = now()
        where id = (select node_id from node_agents where session_id = ${sessionId} and approval = 'approved')
          and hardware_info is distinct from ${json}::jsonb
        returning id, name`.execute(tx);
      const [node] = rows;
      if (!node) return;
      await appendEvent(tx, {
        type: 'node.hardware-changed',
        object: { kind: 'node', id: node.id },
        payload: { name: node.name },
      });
    });
  }

  async settle(): Promise<number> {
    return this.#db.transaction().execute(async (tx) => {
      const { rows } = await sql<Assessed>`
        select a.node_id, a.connects, a.ailments, now() as now from nodes n join node_agents a on a.node_id = n.id
        where n.status = 'degraded' and a.ailments = '{}' and a.session_id is not null and a.approval = 'approved'
        order by n.id limit ${PAGE} for update of n skip locked`.execute(tx);
      const settled = rows.filter(({ connects, now }) => !isFlapping(connects, now));
      for (const agent of settled) await assess(tx, agent);
      return settled.length;
    });
  }

  async hardware(nodeId: string): Promise<Hardware | undefined> {
    const { rows } = await sql<{ hardware_info: Hardware | null }>`
      select hardware_info from nodes where id = ${nodeId}`.execute(this.#db);
    return rows[0]?.hardware_info ?? undefined;
  }
}
