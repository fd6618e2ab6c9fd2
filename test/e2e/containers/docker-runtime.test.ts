import { describe } from 'vitest';

import { startDocker } from '../../support/engines.js';
import { engineSuite } from '../../support/engine-suite.js';
import { engineWorld } from '../../support/engine-world.js';
import { missing } from '../../support/requirements.js';
import { runtimeContract } from '../../support/runtime-contract.js';

describe.skipIf(missing('root', 'netns', 'docker', 'registry'))('a real Docker', () => {
  runtimeContract('Docker', () => engineWorld(startDocker));
  engineSuite('Docker', startDocker);
});
