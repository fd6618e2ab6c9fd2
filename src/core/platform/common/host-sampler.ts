import type { Sample } from '../../types/models/sample.js';

import { LinuxSampler } from '../linux/host/sampler.js';

/** Tells how this machine fares. */
export interface HostSampler {
  /** Never rejects: what cannot be read is left out. */
  sample(): Promise<Sample>;
}

/** For the system that runs here; none where nobody has written one. */
export function hostSampler(): HostSampler | undefined {
  return process.platform === 'linux' ? new LinuxSampler() : undefined;
}
