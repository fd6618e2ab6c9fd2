import type { RunLabels } from './runtime.ports.js';

import { isUuid } from '../../utils/node-name.js';

const SPEC_HASH = /^[0-9a-f]{64}$/;
const REPLICA = /^[1-9]\d{0,4}$/;

/** What the engine of a node calls a container of the grid. It tells a person which it is, and the agent that its labels were not merely inherited. */
export function runName(container: string, labels: RunLabels): string {
  return `syntropy-${container}${ending(labels)}`;
}

/**
 * Whether a container with that name and these labels was made for the grid. Labels alone do not say so: an image that is made of a container keeps them, and
 * whoever runs it, or writes an image, may have any. A name is one container's on its engine, and is never inherited.
 */
export function isOfGrid(name: string, labels: RunLabels): boolean {
  const { node, lease, container, replica, specHash } = labels;
  return (
    [node, lease, container].every(isUuid) &&
    REPLICA.test(replica) &&
    SPEC_HASH.test(specHash) &&
    name.startsWith('syntropy-') &&
    name.endsWith(ending(labels))
  );
}

function ending({ replica, lease, specHash }: RunLabels): string {
  return `-${replica}-${lease.slice(0, 8)}-${specHash.slice(0, 8)}`;
}
