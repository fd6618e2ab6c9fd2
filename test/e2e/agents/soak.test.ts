import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';

import { documentOf, ended } from '../../support/cli.js';
import { missing } from '../../support/requirements.js';

/** One round: each fault once. */
const SECONDS = '30';
const SEED = '7';
/** It cleans up after itself when it is told to end. */
const TIMEOUT_MS = 240_000;

// Goal: a sample of `npm run soak:agents`, the same at each run: whatever happens to a node, its daemon and the network between them, it ends as it was last told.
describe.skipIf(missing('netns'))('agents that are killed, cut off and short of room', () => {
  it('are as they were last told in the end, and nothing that happened to them is untold', async () => {
    const result = await ended(
      spawn(
        process.execPath,
        ['scripts/soak-agents.mjs', '--seconds', SECONDS, '--seed', SEED, '--json'],
        { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS },
      ),
    );

    expect(documentOf(result)).toMatchObject({ agents: 4, broken: [] });
    expect(documentOf(result)['changes']).toBeGreaterThan(100);
    expect(result.status).toBe(0);
  }, 300_000);
});
