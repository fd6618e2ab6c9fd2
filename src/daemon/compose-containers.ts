import { createHash, randomUUID } from 'node:crypto';

import type { ContainerDeps, ContainerState } from '../core/services/container/container.ports.js';
import type { NodeRepository } from '../core/storage/postgres/node.repository.js';
import type { ObjectRules } from './access.js';
import type { Parts, Stores } from './parts.js';

import { toContainer, toDetails } from '../core/services/container/container-status.js';
import { ContainerService } from '../core/services/container/container.service.js';
import { requireSecretsFit } from '../core/services/container/defaults.js';
import { DeployService } from '../core/services/container/deploy.service.js';
import { LeaseService } from '../core/services/container/lease.service.js';
import { secretNotFound, SecretService } from '../core/services/container/secret.service.js';
import { ContainerRepository } from '../core/storage/postgres/container.repository.js';
import { LeaseRepository } from '../core/storage/postgres/lease.repository.js';
import { SecretRepository } from '../core/storage/postgres/secret.repository.js';
import { containerHandlers } from './operations/container.js';
import { secretHandlers } from './operations/secret.js';
import { now } from './parts.js';

export type Containers = ReturnType<typeof composeContainers>;

/** Everything that is about containers, but for what is read from them while they run. */
export function composeContainers({ database: { db }, masterKey, log }: Parts, stores: Stores) {
  const store = new ContainerRepository(db, {
    details: toDetails,
    summary,
    secretsFit: requireSecretsFit,
  });
  const secretStore = new SecretRepository(db, masterKey, requireSecretsFit);
  const newId = randomUUID;
  const deps: ContainerDeps = {
    store,
    nodes: livingNodes(stores.nodes),
    secretSizes: (ownerId, names) => secretStore.sizes(ownerId, names),
    hash: (text) => createHash('sha256').update(text).digest('hex'),
    newId,
    now,
  };
  const containers = new ContainerService(deps);
  const deployments = new DeployService(deps);
  const secrets = new SecretService({ store: secretStore, newId, now });
  const leases = new LeaseService({
    store,
    leases: new LeaseRepository(db),
    secrets: secretStore,
    newId,
    now,
    onTrouble: (err, container) => log.warn({ err, container }, 'looking after a container failed'),
  });
  const objects = {
    container: {
      any: 'containers:any',
      find: async (ref) => {
        const { id, owner } = await containers.get(ref);
        return { id, ownerId: owner.id };
      },
    },
    secret: {
      any: 'secrets:any',
      find: async (ref, subject) => {
        const { id, owner } = await secrets.find(ref, subject);
        return { id, ownerId: owner.id };
      },
      hidden: secretNotFound,
    },
  } satisfies ObjectRules;
  return {
    containers,
    leases,
    objects,
    handlers: { ...containerHandlers(containers, deployments), ...secretHandlers(secrets) },
  };
}

function summary({ container, leases, revisions }: ContainerState) {
  return toContainer(container, leases, revisions);
}

function livingNodes(nodes: NodeRepository): ContainerDeps['nodes'] {
  return {
    find: async (ref) => {
      const node = await nodes.find(ref);
      return node?.status === 'retired' ? undefined : node;
    },
    ownedBy: (memberId) => nodes.ownedBy(memberId),
  };
}
