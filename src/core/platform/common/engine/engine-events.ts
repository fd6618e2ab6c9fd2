import type { EngineHttp } from './engine-http.js';

import { LABELS } from './container-body.js';
import { objectOf, parsed, textOf } from './json.js';
import { engineFailure } from './refusals.js';

const MAX_EVENT_LENGTH = 64 << 10;
/** A probe each few seconds is nothing that has happened to a container. */
const NO_NEWS = /^(?:exec_|exec$|health_status|top|attach|resize)/;

/** As `ContainerRuntime.events`. Many at once are one. */
export async function* readEvents(
  http: EngineHttp,
  node: string,
  signal: AbortSignal,
): AsyncIterable<void> {
  if (signal.aborted) return;
  const filters = JSON.stringify({ type: ['container'], label: [`${LABELS.node}=${node}`] });
  const began = await http.stream('GET', '/events', { query: { filters } });
  if ('refusal' in began) throw engineFailure(began.refusal);
  const { stream } = began;
  stream.setEncoding('utf8');
  const stop = () => stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  let rest = '';
  try {
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split('\n');
      rest = (lines.pop() ?? '').slice(0, MAX_EVENT_LENGTH);
      if (lines.some(isNews)) yield undefined;
    }
  } catch {
    // The engine has ended, or nobody listens any more.
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

function isNews(line: string): boolean {
  const { Action, status } = objectOf(parsed(line));
  const action = textOf(Action) ?? textOf(status);
  return action !== undefined && !NO_NEWS.test(action);
}
