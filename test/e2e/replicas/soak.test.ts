import { describe, expect, it } from 'vitest';

import { documentOf, ended } from '../../support/cli.js';
import { missing } from '../../support/requirements.js';
import { spawn } from 'node:child_process';

const SECONDS = '16';
const SEED = '7';

// Goal: a sample of `npm run soak:api`, the same at each run: what three daemons acknowledge stays, whatever is killed around them.
describe.skipIf(missing('redis'))('three daemons while one, Redis and Postgres are killed', () => {
  it('lose no write and no event, and let nobody have more than they may', async () => {
    const result = await ended(
      spawn(
        process.execPath,
        ['scripts/soak-api.mjs', '--seconds', SECONDS, '--seed', SEED, '--json'],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      ),
    );

    expect(documentOf(result)).toMatchObject({ redis: true, broken: [] });
    expect(documentOf(result)['writes']).toBeGreaterThan(50);
    expect(result.status).toBe(0);
  }, 180_000);
});
