import type { Item, Keys, Place } from './items.js';
import type { Draft } from './draft.js';

import { parseCpus, parseMemory } from '../quantities.js';
import { quoted } from '../../core/utils/quoted.js';
import { choiceOf, countOf, itemsOf, parsed, readKeys, refused, textOf } from './items.js';

const MOST_REPLICAS = 100;
const MOST_RESTARTS = 1_000;

/** The keys under `deploy`. */
export function deployKeys(draft: Draft): Keys {
  return {
    replicas: (item, path) => (draft.replicas = countOf(item, path, MOST_REPLICAS)),
    resources: (item, path) =>
      readKeys(item, path, {
        limits: (limits, where) =>
          readKeys(limits, where, {
            cpus: (value, name) =>
              (draft.cpuMillis = parsed(value, name, (text) => parseCpus(text, name))),
            memory: (value, name) =>
              (draft.memoryBytes = parsed(value, name, (text) => parseMemory(text, name))),
          }),
      }),
    placement: (item, path) =>
      readKeys(item, path, {
        constraints: (list, where) => {
          for (const [index, one] of itemsOf(list, where).entries()) {
            constrain(draft, one, `${where}[${index}]`);
          }
        },
      }),
    update_config: (item, path) =>
      readKeys(item, path, {
        order: (value, where) =>
          (draft.updateOrder = choiceOf(value, where, {
            'start-first': 'start-first',
            'stop-first': 'stop-first',
          })),
      }),
    restart_policy: (item, path) => Object.assign(draft, restartOf(item, path)),
  };
}

const CONDITIONS = { none: 'no', 'on-failure': 'on-failure', any: 'always' } as const;

/**
 * What a policy does not say is as Compose has it: it is started again, whatever it ended with.
 * @throws {AppError} APP_FILE_INVALID.
 */
function restartOf(item: Item, path: string): Pick<Draft, 'restart' | 'maxRestarts'> {
  const said: { condition: keyof typeof CONDITIONS; times?: number; timesAt: Place } = {
    condition: 'any',
    timesAt: item.at,
  };
  readKeys(item, path, {
    condition: (value, where) =>
      (said.condition = choiceOf(value, where, {
        none: 'none',
        'on-failure': 'on-failure',
        any: 'any',
      })),
    max_attempts: (value, where, at) => {
      said.times = countOf(value, where, MOST_RESTARTS);
      said.timesAt = at;
    },
  });
  const restart = CONDITIONS[said.condition];
  // Engines count only what is started again after a failure.
  if (said.times !== undefined && restart !== 'on-failure') {
    throw refused(said.timesAt, `${path}.max_attempts goes with the condition on-failure only.`);
  }
  return { restart, maxRestarts: said.times };
}

/** `node.labels.site==attic`, or `node==node-01`. */
function constrain(draft: Draft, item: Item, path: string): void {
  const text = textOf(item, path);
  const [, label, value] = /^node(?:\.labels\.([^\s=!]+))?\s*==\s*(\S+)$/.exec(text) ?? [];
  if (value === undefined) {
    throw refused(
      item.at,
      `${path} ${quoted(text)} is not supported; write node.labels.<key>==<value> or node==<name>.`,
    );
  }
  if (label === undefined) draft.node = value;
  else draft.selector = { ...draft.selector, [label]: value };
}
