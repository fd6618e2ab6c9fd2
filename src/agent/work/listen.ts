import type { Engine } from './engine.js';

import { slept } from '../../core/utils/slept.js';

/** Of events that come together. */
const PAUSE_MS = 20;
const RETRY_MS = 1_000;

/**
 * Listens to an engine for as long as there is one, until the signal aborts. Events only wake: each may be lost, or come twice.
 * @param onWake - something may be otherwise: by an event, or because nothing is heard any more.
 */
export async function listen(
  engine: Pick<Engine, 'current'>,
  node: string,
  signal: AbortSignal,
  onWake: (isEvent: boolean) => void,
): Promise<void> {
  while (!signal.aborted) {
    const { current } = engine;
    try {
      if (current) {
        for await (const _ of current.runtime.events(node, signal)) {
          onWake(true);
          await slept(PAUSE_MS, signal);
        }
      }
    } catch {
      // What does not answer is found out by looking.
    }
    onWake(false);
    await slept(RETRY_MS, signal);
  }
}
