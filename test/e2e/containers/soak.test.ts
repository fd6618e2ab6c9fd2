import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';

import { documentOf, ended } from '../../support/cli.js';
import { missing } from '../../support/requirements.js';

/** One round of who is killed, and two more. */
const POINTS = '10';
const SEED = '1';
/** It cleans up after itself when it is told to end. */
const TIMEOUT_MS = 240_000;

// Goal: a sample of `npm run soak:containers`: whichever of engine, agent and daemon is killed in the midst of a change, nothing runs twice or is left over, and what is left alone goes on.
describe.skipIf(missing('root', 'docker'))(
  'containers whose engine, agent and daemon are killed',
  () => {
    it('are as they were last told after each time, with every line and all of their use', async () => {
      const result = await ended(
        spawn(
          process.execPath,
          ['scripts/soak-containers.mjs', '--points', POINTS, '--seed', SEED, '--json'],
          { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS },
        ),
      );

      expect(documentOf(result), result.stderr).toMatchObject({ points: 10, broken: [] });
      expect(documentOf(result)['changes']).toBeGreaterThan(10);
      expect(result.status).toBe(0);
    }, 300_000);
  },
);
