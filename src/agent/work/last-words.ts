import type { ContainerRuntime } from '../../core/services/container/runtime.ports.js';

import { MAX_LAST_WORDS } from '../../contract/agent/work.js';

const LINES = 20;
const TIMEOUT_MS = 5_000;

/** What a container wrote last; empty where it said nothing, or that cannot be read. It is a help to whoever wonders, and fails nothing. */
export async function lastWords(
  runtime: Pick<ContainerRuntime, 'logs'>,
  container: string,
  signal: AbortSignal,
): Promise<string> {
  const lines: string[] = [];
  const either = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    for await (const some of runtime.logs(container, { tail: LINES, follow: false }, either)) {
      for (const { text } of some) {
        // A line may be of any length; the end of it is what counts.
        lines.push(text.slice(-MAX_LAST_WORDS));
        if (lines.length > LINES) lines.shift();
      }
    }
  } catch {
    // What was read until then is better than nothing.
  }
  return lines.join('\n').toWellFormed().slice(-MAX_LAST_WORDS).toWellFormed();
}
