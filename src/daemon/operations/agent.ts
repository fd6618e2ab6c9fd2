import type { AgentService } from '../../core/services/node/agent.service.js';
import type { Handlers } from '../dispatch.js';

import { joinText } from '../../contract/agent/protocol.js';

/** Machines that become nodes. */
export function agentHandlers(
  agents: AgentService,
  caSha256: string,
  now: () => Date,
): Pick<Handlers, 'agents.join' | 'nodes.approve' | 'nodes.reject'> {
  return {
    'agents.join': async (input, _, note) => {
      const { identityKey, wireguardKey, machine, signature, secret, name, agentVersion } = input;
      const { node, approval } = await agents.join({
        secret,
        ...(name === undefined ? {} : { name }),
        identityKey: Buffer.from(identityKey, 'base64url'),
        wireguardKey: Buffer.from(wireguardKey, 'base64url'),
        machine: Buffer.from(machine, 'hex'),
        agentVersion,
        text: joinText(input, caSha256),
        signature: Buffer.from(signature, 'base64url'),
      });
      note({ object: { kind: 'node', ref: node.id } });
      return { node, approval: approval === 'pending' ? 'pending' : 'approved', at: now() };
    },
    'nodes.approve': ({ node }) => agents.approve(node),
    'nodes.reject': ({ node, reason }) => agents.reject(node, reason),
  };
}
