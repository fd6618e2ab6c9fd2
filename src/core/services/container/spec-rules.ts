import type { ContainerSpec } from '../../types/models/container.js';
import type { Caller } from '../../types/models/member.js';
import type {
  ContainerState,
  Nodes,
  SecretSizes,
  StoredContainer,
  StoredRevision,
} from './container.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { revisionOf } from './container-status.js';
import { changedParts, requireSecretsFit, secretsOf, unconfinedParts } from './defaults.js';

/** What it is to be at this moment. */
export function specNow(state: ContainerState): ContainerSpec {
  return revisionOf(state, state.container.revision).spec;
}

/** With one more revision, when that is another than the last. */
export function withRevision(
  state: ContainerState,
  made: Omit<StoredRevision, 'revision' | 'state'>,
): ContainerState {
  if (revisionOf(state, state.container.revision).specHash === made.specHash) return state;
  const revision = Math.max(...state.revisions.map((one) => one.revision)) + 1;
  const others = state.revisions.map((one) =>
    one.state === 'current' ? { ...one, state: 'superseded' as const } : one,
  );
  return {
    ...state,
    container: { ...state.container, revision },
    revisions: [...others, { ...made, revision, state: 'current' }],
  };
}

/**
 * A safe default is given up for one spec: another program, or the same with another environment, is for somebody to allow who may.
 * @param before - what was allowed; absent where all of it is to be.
 * @throws {AppError} PERMISSION_DENIED.
 */
export function requireConfined(
  spec: ContainerSpec,
  before: ContainerSpec | undefined,
  caller: Caller,
): void {
  if (caller.permissions.has('containers:unconfined')) return;
  const parts = unconfinedParts(spec);
  if (parts.length === 0 || (before && changedParts(before, spec).length === 0)) return;
  throw new AppError(
    'PERMISSION_DENIED',
    `${caller.name} lacks containers:unconfined, which this needs: ${parts.join(', ')}.`,
    { permission: 'containers:unconfined' },
  );
}

/** @throws {AppError} SECRET_NOT_FOUND, INPUT_INVALID where they are too long together. */
export async function requireSecrets(
  secretSizes: SecretSizes,
  { name, owner }: Pick<StoredContainer, 'name' | 'owner'>,
  spec: ContainerSpec,
): Promise<void> {
  const names = secretsOf(spec);
  const sizes = await secretSizes(owner.id, names);
  const missing = names.find((secret) => !sizes.has(secret));
  if (missing !== undefined) {
    throw new AppError('SECRET_NOT_FOUND', `There is no secret "${missing}".`, { secret: missing });
  }
  requireSecretsFit(
    [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0),
    name,
  );
}

/** @throws {AppError} NODE_NOT_FOUND. */
export async function requireNode(nodes: Nodes, ref: string) {
  const node = await nodes.find(ref);
  if (node) return node;
  throw new AppError('NODE_NOT_FOUND', `There is no node "${ref}".`, { node: ref });
}

/** What is answered where there is no container, or none any more. */
export function notFound(ref: string): AppError {
  return new AppError('CONTAINER_NOT_FOUND', `There is no container "${ref}".`, { container: ref });
}
