import type { Node } from '../contract/schemas/node.js';

/** The contract's list, as a value that costs no schema to load. */
export const nodeStatuses = [
  'provisioning',
  'provisioned',
  'joining',
  'online',
  'degraded',
  'offline',
  'lost',
  'retired',
  'failed',
] as const satisfies readonly Node['status'][];
