import type { ContainerDetails } from '../contract/schemas/container.js';

import { knownName } from './container-words.js';
import { DOCUMENT_VERSION } from './machine-command.js';
import { cleanLine } from './text.js';

/** Is told each state that was read, and says on stderr what is new in it. */
export type PhaseTeller = (container: ContainerDetails) => void;

/**
 * @param mode - `auto` (a line for each phase of a replica, nothing under --json), `json` (NDJSON), `plain` or `none`.
 */
export function phaseTeller(mode: string, json: boolean): PhaseTeller {
  if (mode === 'none' || (mode === 'auto' && json)) return () => undefined;
  const told = new Map<string, string>();
  return (container) => {
    const { replicas, instances } = container;
    const name = knownName(container);
    for (const { lease, replica, node, phase, reason } of instances) {
      const present = `${phase} ${reason ?? ''}`;
      if (told.get(lease) === present) continue;
      told.set(lease, present);
      const shown = {
        phase,
        replica,
        node: node.name,
        ...(reason === undefined ? {} : { reason }),
      };
      if (mode === 'json') {
        process.stderr.write(
          `${JSON.stringify({ schemaVersion: DOCUMENT_VERSION, ...shown, container: name })}\n`,
        );
      } else {
        const which = replicas > 1 ? `${name}-${replica}` : name;
        const why = reason === undefined ? '' : ` (${reason})`;
        process.stderr.write(`${cleanLine(`${which} on ${node.name}: ${phase}${why}`)}\n`);
      }
    }
  };
}
