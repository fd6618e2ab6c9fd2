import type { Logger } from 'pino';

import { WebSocketServer } from 'ws';

import type { AgentStore, Beat } from '../../core/services/node/agent.ports.js';
import type { MachineStore } from '../../core/services/node/machine.ports.js';
import type { SampleSink } from '../../core/services/node/sample.ports.js';
import type { UpgradeHandler } from '../transports/upgrades.js';
import type { AgentConnectionDeps } from './agent-connection.js';

import { MAX_AGENT_FRAME_BYTES } from '../../contract/agent/protocol.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { latestOnly } from '../../core/utils/latest-only.js';
import { Ailments } from './ailments.js';
import { AgentConnection } from './agent-connection.js';
import { Heartbeats } from './heartbeats.js';

const MAX_AGENTS = 10_000;

type Store = Pick<AgentStore, 'beat' | 'stale' | 'leave' | 'disconnect'>;

export interface AgentHubDeps extends Pick<
  AgentConnectionDeps,
  'daemonId' | 'caSha256' | 'now' | 'connect'
> {
  readonly store: Store;
  readonly machines: Pick<MachineStore, 'ail' | 'describe'>;
  /** Where samples go beside the database. */
  readonly sink?: SampleSink | undefined;
  readonly log: Logger;
}

/** The agents that are connected to this daemon. */
export class AgentHub {
  readonly #deps: AgentHubDeps;
  readonly #connections = new Map<string, AgentConnection>();
  readonly #heartbeats: Heartbeats;
  readonly #ailments: Ailments;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_AGENT_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
  });
  /** However many things happen while it is looked up, it is looked up once more. */
  readonly #stale = latestOnly<undefined>(() => this.#dropStale());
  #isStopping = false;

  constructor(deps: AgentHubDeps) {
    this.#deps = deps;
    this.#ailments = new Ailments(deps.machines, deps.log);
    this.#heartbeats = new Heartbeats(deps.store, deps.log, {
      onSuperseded: (id) => this.#supersede(id),
      onNoted: (beats) => this.#passOn(beats),
    });
  }

  get connected(): number {
    return this.#connections.size;
  }

  /** Takes over the upgrade of an agent. What it says is believed when it has proven who it is. */
  readonly upgrade: UpgradeHandler = async (request, socket, head, source) => {
    if (this.#isStopping || this.#connections.size >= MAX_AGENTS) {
      throw new AppError('LIMIT_REACHED', `${MAX_AGENTS} agents are connected already.`);
    }
    this.#server.handleUpgrade(request, socket, head, (client) => {
      const { store, machines, sink: _, log, ...deps } = this.#deps;
      const connection = new AgentConnection(client, {
        ...deps,
        log,
        source,
        leave: (sessionId) => store.leave(sessionId),
        connect: async (proven) => {
          const connected = await deps.connect(proven);
          this.#ailments.begin(proven.sessionId, connected.ailments);
          return connected;
        },
        onBeat: (beat) => {
          this.#heartbeats.add(beat);
          this.#ailments.heard(beat);
        },
        onHardware: (sessionId, hardware) => {
          machines
            .describe(sessionId, hardware)
            // It is told again after the next welcome.
            .catch((error: unknown) =>
              log.warn({ err: error }, 'the hardware of a node could not be noted'),
            );
        },
        onEnd: (sessionId) => {
          this.#heartbeats.forget(sessionId);
          this.#ailments.forget(sessionId);
          store
            .disconnect(sessionId)
            // It is told as silent in a moment, whether or not this was noted.
            .catch((error: unknown) =>
              log.warn({ err: error }, 'an agent’s end could not be noted'),
            );
        },
      });
      this.#connections.set(connection.sessionId, connection);
      client.on('close', () => this.#connections.delete(connection.sessionId));
    });
  };

  /** Told what has happened, here or elsewhere; nothing when it is not known what. */
  onEvent(type: string | undefined): void {
    if (type !== undefined && !/^node\.(removed|retired|rejected|joined)$/.test(type)) return;
    this.#stale.offer(undefined);
  }

  /** Closes every connection and notes what was heard. Agents come again, to this daemon or another. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const connection of this.#connections.values()) connection.stop();
    await this.#heartbeats.close();
  }

  /** Those whose node was deleted, turned away or joined anew. */
  async #dropStale(): Promise<void> {
    const known = [...this.#connections.values()].filter(({ nodeId }) => nodeId !== undefined);
    try {
      const stale = await this.#deps.store.stale(known.map(({ sessionId }) => sessionId));
      for (const id of stale) this.#supersede(id);
    } catch (error) {
      // The next heartbeat of each finds it out as well.
      this.#deps.log.warn({ err: error }, 'agents could not be looked up');
    }
  }

  #passOn(beats: readonly Beat[]): void {
    const { sink, now } = this.#deps;
    if (!sink) return;
    const samples = beats.flatMap(({ nodeId: id, sessionId, sample }) => {
      const name = this.#connections.get(sessionId)?.nodeName ?? '';
      return sample ? [{ node: { id, name }, sample }] : [];
    });
    sink.add(samples, now());
  }

  #supersede(sessionId: string): void {
    this.#connections
      .get(sessionId)
      ?.refuse(new AppError('AGENT_SUPERSEDED', 'This connection is no longer that of a node.'));
  }
}
