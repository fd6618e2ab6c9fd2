import type { OperationInput } from '../../contract/registry.js';
import type { NodeService, CreateNodeRequest } from '../../core/services/node/node.service.js';
import type { Handlers } from '../dispatch.js';

import { DEFAULT_JOIN_TTL_SECONDS } from '../../core/services/node/node.service.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { decodeCursor, encodeCursor } from '../page-cursor.js';
import { showOperation } from './operation.js';

const DEFAULT_LIMIT = 100;

/** Nodes: from the contract to the rules and back. */
export function nodeHandlers(
  nodes: NodeService,
): Pick<Handlers, 'nodes.list' | 'nodes.plan' | 'nodes.create' | 'nodes.update'> {
  return {
    'nodes.list': async ({ status, label, retired, cursor, limit = DEFAULT_LIMIT }) => {
      const page = await nodes.list({
        ...(status === undefined ? {} : { status }),
        ...(label === undefined ? {} : { label: labelFilter(label) }),
        retired: retired ?? status === 'retired',
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        limit: limit + 1,
      });
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return {
        nodes: shown,
        ...(page.length > limit && last ? { nextCursor: encodeCursor(last.name) } : {}),
      };
    },
    'nodes.plan': async (input, { subject }) => {
      const { stick, daemonUrl, ...plan } = await nodes.plan(createRequest(input), subject);
      return {
        name: plan.name,
        action: plan.action,
        identityFiles: plan.identityFiles,
        warnings: plan.warnings,
        image: stick.image,
        ...(daemonUrl === undefined ? {} : { daemonUrl }),
        ...(stick.drive === undefined ? {} : { drive: stick.drive }),
        ...(stick.target.kind === 'file' ? { output: stick.target.path } : {}),
      };
    },
    'nodes.create': async (input, { subject }, note) => {
      const { node, operation, warnings } = await nodes.create(createRequest(input), subject);
      note({ object: { kind: 'node', ref: node.id } });
      return { node, operation: showOperation(operation), warnings };
    },
    'nodes.update': ({ node, ...change }, { subject }) => nodes.update(node, change, subject),
  };
}

function createRequest(input: OperationInput<'nodes.create'>): CreateNodeRequest {
  const { target } = input;
  return {
    name: input.name,
    ...(input.owner === undefined ? {} : { owner: input.owner }),
    stick: {
      target:
        'output' in target
          ? { output: absolute(target.output), replace: target.replace ?? false }
          : { ...target, device: absolute(target.device) },
      image: input.image === undefined || input.image === 'seed' ? 'seed' : absolute(input.image),
      ...(input.sha256 === undefined ? {} : { sha256: input.sha256 }),
      unmount: input.unmount ?? false,
      acceptRisks: input.acceptRisks ?? [],
    },
    ...(input.description === undefined ? {} : { description: input.description }),
    labels: input.labels ?? {},
    sshKeys: input.sshKeys ?? [],
    ...(input.daemonUrl === undefined ? {} : { daemonUrl: input.daemonUrl }),
    joinTtlSeconds: input.joinTtlSeconds ?? DEFAULT_JOIN_TTL_SECONDS,
    verify: input.verify ?? true,
    config: input.config ?? true,
    eject: input.eject ?? false,
  };
}

/** The daemon's working directory is nobody's business, so a relative path means nothing here. */
function absolute(path: string): string {
  if (/^(\/|[A-Za-z]:[\\/]|\\\\)/.test(path) && !path.includes('\0')) return path;
  throw new AppError('INPUT_INVALID', 'A path given to the daemon must be absolute.', {
    field: 'path',
  });
}

function labelFilter(text: string): { key: string; value?: string } {
  const at = text.indexOf('=');
  return at < 0 ? { key: text } : { key: text.slice(0, at), value: text.slice(at + 1) };
}
