import type { Container } from '../contract/schemas/container.js';

/** The contract's list, as a value that costs no schema to load. */
export const containerStatuses = [
  'pending',
  'deploying',
  'running',
  'degraded',
  'updating',
  'stopping',
  'stopped',
  'exited',
  'failed',
  'unknown',
  'lost',
  'removing',
  'removed',
] as const satisfies readonly Container['status'][];
