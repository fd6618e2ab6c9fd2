import { createHash, randomUUID } from 'node:crypto';

import type { Assignment } from '../../src/contract/agent/work.js';
import type { ContainerSpec } from '../../src/contract/schemas/container.js';

export type SpecChange = Partial<Omit<ContainerSpec, 'confinement'>> & {
  readonly confinement?: Partial<ContainerSpec['confinement']>;
};

/** A spec with every safe default. */
export function testSpec({ confinement, ...change }: SpecChange = {}): ContainerSpec {
  return {
    image: 'registry.test/app:1',
    env: {},
    secrets: [],
    ports: [],
    volumes: [],
    cpuMillis: 100,
    memoryBytes: 64 * 2 ** 20,
    restart: 'always',
    pull: 'missing',
    stopSeconds: 1,
    updateOrder: 'auto',
    ...change,
    confinement: {
      capAdd: [],
      writableRoot: false,
      allowPrivilegeEscalation: false,
      pidsLimit: 256,
      ...confinement,
    },
  };
}

/** What a daemon says of one lease. The hash is of the spec, as there. */
export function assignment(
  spec: SpecChange = {},
  { name = 'web', ...rest }: Partial<Omit<Assignment, 'spec'>> & { readonly name?: string } = {},
): Assignment {
  const whole = testSpec(spec);
  return {
    lease: randomUUID(),
    generation: 1,
    container: { id: randomUUID(), name },
    replica: 1,
    desired: 'running',
    restart: 0,
    specHash: createHash('sha256').update(JSON.stringify(whole)).digest('hex'),
    spec: whole,
    secrets: [],
    ...rest,
  };
}

/** The same lease, with what is otherwise, in its next generation. */
export function next(
  before: Assignment,
  spec: SpecChange = {},
  rest: Partial<Omit<Assignment, 'spec'>> = {},
): Assignment {
  const { lease, container, replica, desired, restart, secrets } = before;
  const kept = { lease, container, replica, desired, restart, secrets };
  const generation = before.generation + 1;
  return assignment({ ...before.spec, ...spec }, { ...kept, generation, ...rest });
}
