import type { HostSampler } from '../core/platform/common/host-sampler.js';
import type { Hardware } from '../core/types/models/hardware.js';
import type { Sample } from '../core/types/models/sample.js';
import type { Log } from './log.js';

import { slept } from '../core/utils/slept.js';

const SAMPLE_MS = 10_000;
/** Cards get addresses and drives are plugged in; neither is worth more than a look an hour. */
const HARDWARE_MS = 60 * 60_000;

/** What an agent tells of its machine, beside that it lives. */
export interface Reports {
  /** The newest sample, once. */
  takeSample(): Sample | undefined;
  /** What the machine is made of, as soon as that is known. */
  readonly hardware: Hardware | undefined;
  /** Told when it is another. Answers how to be told no more. */
  onHardware(listener: (hardware: Hardware) => void): () => void;
}

interface ReportParts {
  readonly sampler: HostSampler | undefined;
  readonly readHardware: (signal: AbortSignal) => Promise<Hardware>;
  readonly log: Log;
}

/** Looks at the machine again and again until the signal aborts. One look never begins before the last of its kind has ended. */
export function startReports(parts: ReportParts, signal: AbortSignal): Reports {
  const { sampler, readHardware, log } = parts;
  const listeners = new Set<(hardware: Hardware) => void>();
  let sample: Sample | undefined;
  let hardware: Hardware | undefined;
  const sampleAgain = async () => {
    if (!sampler) return;
    do sample = await sampler.sample();
    while (await slept(SAMPLE_MS, signal));
  };
  const lookAgain = async () => {
    do {
      try {
        const found = await readHardware(signal);
        if (JSON.stringify(found) === JSON.stringify(hardware)) continue;
        hardware = found;
        for (const listener of listeners) listener(found);
      } catch (error) {
        if (!signal.aborted) log.warn('the hardware could not be read', { reason: String(error) });
      }
    } while (await slept(HARDWARE_MS, signal));
  };
  void sampleAgain();
  void lookAgain();
  return {
    takeSample() {
      const taken = sample;
      sample = undefined;
      return taken;
    },
    get hardware() {
      return hardware;
    },
    onHardware(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
