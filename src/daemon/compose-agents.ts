import { randomUUID } from 'node:crypto';
import path from 'node:path';

import type { Identity } from './compose-identity.js';
import type { DaemonAddress } from '../core/services/node/node.ports.js';
import type { SampleSink } from '../core/services/node/sample.ports.js';
import type { Parts, Stores } from './parts.js';

import { RELEASE_VERSION, releaseFileNames } from '../contract/agent/release.js';
import { packagedNode } from '../core/platform/common/node-runtime.js';
import { AgentService } from '../core/services/node/agent.service.js';
import { ReleaseFolders } from '../core/storage/files/agent-releases.js';
import { NodeTokenRepository } from '../core/storage/postgres/node-token.repository.js';
import { AppError } from '../core/types/errors/app-error.js';
import { HEARTBEAT_SECONDS, MISSED_HEARTBEATS } from '../core/utils/node-life.js';
import { version } from '../core/utils/version.js';
import { AgentHub } from './agents/agent-hub.js';
import { SignedReleases } from './agents/signed-releases.js';
import { composeContainers } from './compose-containers.js';
import { composeAnnouncement } from './compose-announcement.js';
import { composeChannels } from './compose-channels.js';
import { composeOrders } from './compose-orders.js';
import { joinTokens } from './auth/join-tokens.js';
import { signatures } from './auth/signatures.js';
import { agentHandlers } from './operations/agent.js';
import { nodeTokenHandlers } from './operations/node-token.js';
import { now } from './parts.js';

export type Agents = ReturnType<typeof composeAgents>;

/** Everything that is about the machines that are nodes. */
export function composeAgents(
  parts: Parts,
  stores: Stores,
  identity: Identity,
  address: () => DaemonAddress,
  sink: SampleSink | undefined,
) {
  const { config, database, daemonId, log } = parts;
  const store = stores.agents;
  const tokenStore = new NodeTokenRepository(database.db);
  const service = new AgentService({
    store,
    tokenStore,
    owners: identity.members,
    tokens: joinTokens,
    signatures,
    address,
    newId: randomUUID,
    now,
  });
  const { caSha256 } = identity;
  const containers = composeContainers(parts, stores);
  const hub = new AgentHub({
    store,
    leases: containers.leases,
    machines: stores.machines,
    sink,
    log,
    daemonId,
    caSha256,
    now,
    connect: (request) => service.connect(request),
  });
  const orders = composeOrders(parts, stores, hub);
  const channels = composeChannels(parts, stores, hub);
  const releases = composeReleases(parts, identity);
  const announcement = composeAnnouncement(parts, caSha256);
  const startedAt = now();
  return {
    /** Reads what another daemon has sent. */
    receive: (text: string | undefined) => {
      if (!channels.receive(text)) orders.receive(text);
    },
    hub,
    /** What nodes run. */
    containers,
    door: { upgrade: hub.upgrade, onListening: announcement.start, releases },
    releases,
    handlers: {
      ...nodeTokenHandlers(service, announcement.isAnnounced),
      ...agentHandlers(service, caSha256, now),
      ...orders.handlers,
      ...channels.handlers,
    },
    tokenRule: tokenRuleOf(tokenStore),
    /** Says good-bye to the network, ends every connection of an agent, and what is read through other daemons. */
    stop: async () => {
      const goodBye = announcement.close();
      channels.close();
      orders.close();
      await hub.stop();
      await goodBye;
    },
    /** Marks what is silent for too long. Agents have the time of a few heartbeats to come back to a daemon that was away. */
    sweep: () =>
      store.sweep({
        offlineSeconds: HEARTBEAT_SECONDS * MISSED_HEARTBEATS,
        lostSeconds: config.get('nodes.lostAfterSeconds'),
        since: startedAt,
      }),
  };
}

/** The agent as this daemon gives it to nodes. */
function composeReleases({ config, paths, agentRelease }: Parts, { authority }: Identity) {
  const releases = new ReleaseFolders({
    own: { version, directory: agentRelease },
    more: config.get('agents.releases'),
    isVersion: (name) => RELEASE_VERSION.test(name),
    names: releaseFileNames.filter((name) => name !== 'node'),
    runtime: packagedNode,
    cache: path.join(paths.stateDir, 'agent-files'),
  });
  return new SignedReleases({ releases, authority });
}

/** Whose a node token is. */
function tokenRuleOf(tokens: NodeTokenRepository) {
  return {
    any: 'nodes:any',
    find: async (id: string) => {
      const token = await tokens.find(id);
      if (token) return { id: token.id, ownerId: token.owner.id };
      throw tokenNotFound(id);
    },
    hidden: tokenNotFound,
  } as const;
}

function tokenNotFound(id: string): AppError {
  return new AppError('TOKEN_NOT_FOUND', `There is no node token ${id}.`, { token: id });
}
