import type { Logger } from 'pino';

import { WebSocketServer } from 'ws';

import type { AgentStore, Beat } from '../../core/services/node/agent.ports.js';
import type { MachineStore } from '../../core/services/node/machine.ports.js';
import type { LeaseService } from '../../core/services/container/lease.service.js';
import type { SampleSink } from '../../core/services/node/sample.ports.js';
import type { EventType } from '../../core/types/models/event.js';
import type { UpgradeHandler } from '../transports/upgrades.js';
import type { ChannelDesk } from '../channels/desk.js';
import type { LogRequest, LogSink } from './log-requests.js';
import type { AgentConnectionDeps } from './agent-connection.js';

import { MAX_AGENT_FRAME_BYTES } from '../../contract/agent/protocol.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { latestOnly } from '../../core/utils/latest-only.js';
import { Admission, type AdmissionLimits } from './admission.js';
import { Ailments } from './ailments.js';
import { AgentConnection } from './agent-connection.js';
import { Heartbeats } from './heartbeats.js';

const MAX_AGENTS = 10_000;
/** Of 1,000 agents that are told in one round: more than there can be, with those whose end could not be noted. */
const MAX_PAGES = 20;
/** Events after which a connection may no longer be its node’s, or a node is to be something else. */
const ENDS: ReadonlySet<string> = new Set<EventType>([
  'node.removed',
  'node.retired',
  'node.rejected',
  'node.joined',
]);
const ORDERS: ReadonlySet<string> = new Set<EventType>([
  'node.updated',
  'node.restart-ordered',
  'node.drained',
  'node.undrained',
  'node.dismissed',
]);

/** Events after which the work of a node may be otherwise. */
const WORK = /^container\./;

type Store = Pick<AgentStore, 'beat' | 'stale' | 'behind' | 'report' | 'leave' | 'disconnect'>;

export interface AgentHubDeps extends Pick<
  AgentConnectionDeps,
  'daemonId' | 'caSha256' | 'now' | 'connect'
> {
  readonly store: Store;
  readonly leases: AgentConnectionDeps['leases'] & Pick<LeaseService, 'behind'>;
  readonly machines: Pick<MachineStore, 'ail' | 'describe'>;
  /** Where samples go beside the database. */
  readonly sink?: SampleSink | undefined;
  readonly log: Logger;
  /** As many as one daemon can bear, by default. */
  readonly admission?: AdmissionLimits;
}

/** The agents that are connected to this daemon. */
export class AgentHub {
  readonly #deps: AgentHubDeps;
  readonly #connections = new Map<string, AgentConnection>();
  readonly #heartbeats: Heartbeats;
  readonly #ailments: Ailments;
  readonly #admission: Admission;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_AGENT_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
  });
  /** However many things happen while it is looked up, it is looked up once more. */
  readonly #stale = latestOnly<undefined>(() => this.#dropStale());
  readonly #orders = latestOnly<undefined>(() => this.#tell());
  readonly #work = latestOnly<undefined>(() => this.#tellWork());
  #isStopping = false;

  constructor(deps: AgentHubDeps) {
    this.#deps = deps;
    this.#admission = new Admission(deps.admission);
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
    if (this.#isStopping) {
      throw new AppError('DAEMON_BUSY', 'This daemon stops.', { retryAfterSeconds: 1 });
    }
    if (this.#connections.size >= MAX_AGENTS) {
      throw new AppError('LIMIT_REACHED', `${MAX_AGENTS} agents are connected already.`);
    }
    this.#admission.enter();
    this.#server.handleUpgrade(request, socket, head, (client) => {
      const { store, machines, sink: _, admission: __, log, ...deps } = this.#deps;
      const connection = new AgentConnection(client, {
        ...deps,
        log,
        source,
        report: (sessionId, report) => store.report(sessionId, report),
        describe: (sessionId, hardware) => machines.describe(sessionId, hardware),
        leave: (sessionId) => store.leave(sessionId),
        connect: async (proven) => {
          const connected = await this.#admission.prove(
            () => deps.connect(proven),
            () => client.readyState === client.OPEN,
          );
          this.#ailments.begin(proven.sessionId, connected.ailments);
          return connected;
        },
        // What was ordered while it was being believed.
        onWelcome: () => this.#orders.offer(undefined),
        onBeat: (beat) => {
          this.#heartbeats.add(beat);
          this.#ailments.heard(beat);
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

  /** Asks an agent for lines of its log, until what it answers is called. @throws {AppError} NODE_OFFLINE, LIMIT_REACHED. */
  readLog(sessionId: string, id: string, request: LogRequest, sink: LogSink): () => void {
    const connection = this.#connections.get(sessionId);
    if (connection) return connection.readLog(id, request, sink);
    throw new AppError('NODE_OFFLINE', 'The node has just gone.');
  }

  /** The channels to what runs on a node. @throws {AppError} NODE_OFFLINE. */
  channels(sessionId: string): ChannelDesk {
    const connection = this.#connections.get(sessionId);
    if (connection) return connection.channels;
    throw new AppError('NODE_OFFLINE', 'The node has just gone.');
  }

  /** Told what has happened, here or elsewhere; nothing when it is not known what. */
  onEvent(type: string | undefined): void {
    if (type === undefined || ENDS.has(type)) this.#stale.offer(undefined);
    if (type === undefined || ORDERS.has(type)) this.#orders.offer(undefined);
    if (type === undefined || WORK.test(type)) this.#work.offer(undefined);
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

  async #tell(): Promise<void> {
    try {
      let last: string | undefined;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const behind = await this.#deps.store.behind(this.#deps.daemonId, last);
        for (const { sessionId, desired } of behind) {
          this.#connections.get(sessionId)?.tell(desired);
        }
        last = behind.at(-1)?.nodeId;
        if (last === undefined) return;
      }
    } catch (error) {
      // Whoever connects anew is told as well.
      this.#deps.log.warn({ err: error }, 'agents could not be told what is wanted of them');
    }
  }

  async #tellWork(): Promise<void> {
    try {
      let last: string | undefined;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const behind = await this.#deps.leases.behind(this.#deps.daemonId, last);
        for (const { sessionId } of behind) this.#connections.get(sessionId)?.tellWork();
        last = behind.at(-1)?.nodeId;
        if (last === undefined) return;
      }
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'agents could not be told of their work');
    }
  }

  #supersede(sessionId: string): void {
    this.#connections
      .get(sessionId)
      ?.refuse(new AppError('AGENT_SUPERSEDED', 'This connection is no longer that of a node.'));
  }
}
