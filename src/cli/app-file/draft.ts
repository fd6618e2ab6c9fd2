import type { OperationInput } from '../../contract/registry.js';

/** A service, as the daemon is asked to apply it. */
export type ServiceInput = Omit<OperationInput<'containers.apply'>, 'name'>;

/** What is put together of a service while its keys are read. */
export type Draft = { -readonly [K in keyof ServiceInput]?: ServiceInput[K] | undefined };
