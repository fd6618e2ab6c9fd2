import { describe } from 'vitest';

import { startPodman } from '../../support/engines.js';
import { engineSuite } from '../../support/engine-suite.js';
import { engineWorld } from '../../support/engine-world.js';
import { missing } from '../../support/requirements.js';
import { runtimeContract } from '../../support/runtime-contract.js';

describe.skipIf(missing('root', 'netns', 'podman', 'registry'))('a real Podman', () => {
  runtimeContract('Podman', () => engineWorld(startPodman));
  engineSuite('Podman', startPodman);
});
