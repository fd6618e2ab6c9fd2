import type { InputOf, Operation, OutputOf } from './operation.js';

import * as agent from './operations/agent.js';
import * as audit from './operations/audit.js';
import * as container from './operations/container.js';
import * as containerChannels from './operations/container-channels.js';
import * as daemon from './operations/daemon.js';
import * as event from './operations/event.js';
import * as key from './operations/key.js';
import * as member from './operations/member.js';
import * as monitor from './operations/monitor.js';
import * as node from './operations/node.js';
import * as nodeToken from './operations/node-token.js';
import * as operation from './operations/operation.js';
import * as role from './operations/role.js';
import * as secret from './operations/secret.js';
import * as session from './operations/session.js';
import * as token from './operations/token.js';
import * as usb from './operations/usb.js';

/** Version of the API, `major.minor`. A client and a daemon of another major version do not work together. */
export const API_VERSION = '1.4';

/** Every operation there is, by id. Transports, client and references are made from this list and no other. */
export const registry = {
  'nodes.list': node.listNodes,
  'nodes.get': node.getNode,
  'nodes.plan': node.planNode,
  'nodes.create': node.createNode,
  'nodes.update': node.updateNode,
  'nodes.delete': node.deleteNode,
  'nodes.restart': node.restartNode,
  'nodes.drain': node.drainNode,
  'nodes.undrain': node.undrainNode,
  'nodes.logs': node.followNodeLogs,
  'nodes.approve': node.approveNode,
  'nodes.reject': node.rejectNode,
  'nodes.samples': monitor.listSamples,
  'nodes.health': monitor.listHealth,
  'containers.list': container.listContainers,
  'containers.get': container.getContainer,
  'containers.plan': container.planContainer,
  'containers.deploy': container.deployContainer,
  'containers.apply': container.applyContainer,
  'containers.update': container.updateContainer,
  'containers.scale': container.scaleContainer,
  'containers.start': container.startContainer,
  'containers.stop': container.stopContainer,
  'containers.restart': container.restartContainer,
  'containers.remove': container.removeContainer,
  'containers.rollback': container.rollbackContainer,
  'containers.history': container.listRevisions,
  'containers.usage': container.getUsage,
  'containers.logs': containerChannels.followContainerLogs,
  'containers.exec': containerChannels.execContainer,
  'containers.execInput': containerChannels.writeExec,
  'containers.stats': containerChannels.followStats,
  'secrets.list': secret.listSecrets,
  'secrets.set': secret.setSecret,
  'secrets.remove': secret.removeSecret,
  'nodeTokens.list': nodeToken.listNodeTokens,
  'nodeTokens.create': nodeToken.createNodeToken,
  'nodeTokens.revoke': nodeToken.revokeNodeToken,
  'agents.join': agent.joinAgent,
  'drives.list': usb.listDrives,
  'operations.list': operation.listOperations,
  'operations.get': operation.getOperation,
  'operations.cancel': operation.cancelOperation,
  'events.list': event.listEvents,
  'events.follow': event.followEvents,
  'sessions.create': session.createSession,
  'sessions.refresh': session.refreshSession,
  'sessions.get': session.getSession,
  'sessions.delete': session.deleteSession,
  'members.list': member.listMembers,
  'members.get': member.getMember,
  'members.create': member.createMember,
  'members.update': member.updateMember,
  'members.delete': member.deleteMember,
  'tokens.list': token.listTokens,
  'tokens.create': token.createToken,
  'tokens.revoke': token.revokeToken,
  'roles.list': role.listRoles,
  'roles.get': role.getRole,
  'roles.set': role.setRole,
  'roles.delete': role.deleteRole,
  'keys.list': key.listKeys,
  'keys.rotate': key.rotateKeys,
  'audit.list': audit.listAudit,
  'audit.verify': audit.verifyAudit,
  'audit.export': audit.exportAudit,
  'daemon.get': daemon.getDaemon,
  'daemon.stop': daemon.stopDaemon,
  'daemon.backup': daemon.backupDaemon,
} as const satisfies Record<string, Operation>;

export type Registry = typeof registry;
export type OperationId = keyof Registry;
export type OperationInput<Id extends OperationId> = InputOf<Registry[Id]>;
export type OperationOutput<Id extends OperationId> = OutputOf<Registry[Id]>;

/** Ids of the operations that answer once. */
export type CallId = {
  [Id in OperationId]: Registry[Id]['kind'] extends 'stream' ? never : Id;
}[OperationId];
/** Ids of the operations that go on answering. */
export type StreamId = Exclude<OperationId, CallId>;
