import { describe, expect, it } from 'vitest';

import { isThere } from '../../../src/cli/wait-for-container.js';
import { containerNamed, replica, runningReplica } from '../../support/scripted-container.js';

const told = containerNamed('web', { status: 'updating', revision: 2 });
const at = (rest: Parameters<typeof containerNamed>[1]) =>
  isThere(containerNamed('web', { status: 'updating', revision: 2, ...rest }), {
    told,
    aim: 'running',
  });

const ended = (exitCode: number) => [
  replica({ revision: 2, phase: 'exited', observedGeneration: 1, exitCode }),
];

// Goal: what is said to run is what was asked for, and not what ran before.
describe('a container that is waited for', () => {
  it('is there when its replica runs in the wanted generation and revision', () => {
    expect(at({ instances: [runningReplica({ revision: 2 })] })).toBe(true);
  });

  it.each([
    ['runs in the generation before', [runningReplica({ revision: 2, generation: 2 })]],
    ['runs in the revision before', [runningReplica()]],
    ['is not healthy', [runningReplica({ revision: 2, phase: 'unhealthy' as const })]],
    [
      'failed, while the daemon still tries',
      [replica({ revision: 2, phase: 'failed', observedGeneration: 1 })],
    ],
    ['is not there at all', []],
  ])('is not there while its replica %s', (_, instances) => {
    expect(at({ instances })).toBe(false);
  });

  it('is there when it has done its work, where that is all that it was to do', () => {
    const { spec } = told;

    expect(at({ spec: { ...spec, restart: 'no' }, instances: ended(0) })).toBe(true);
    expect(at({ spec, instances: ended(0) })).toBe(false);
    expect(() =>
      at({ status: 'exited', spec: { ...spec, restart: 'no' }, instances: ended(3) }),
    ).toThrow(expect.objectContaining({ code: 'CONTAINER_FAILED' }));
  });

  it('is not waited for when somebody else changed it meanwhile', () => {
    expect(() => at({ revision: 3 })).toThrow(
      expect.objectContaining({ code: 'VERSION_CONFLICT' }),
    );
    expect(() => at({ desired: 'stopped' })).toThrow(
      expect.objectContaining({ code: 'OPERATION_CANCELLED' }),
    );
  });
});
