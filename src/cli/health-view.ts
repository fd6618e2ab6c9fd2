import type { NodeHealth } from '../contract/schemas/health.js';

import { cleanLine } from './text.js';

/** What is wrong with nodes and what to do, two lines each; or that nothing is. */
export function describeHealth(nodes: readonly NodeHealth[]): string {
  const lines = nodes.flatMap(({ name, findings }) =>
    findings.flatMap(({ severity, code, message, hint }) => [
      `${severity.padEnd(8)} ${cleanLine(`${name}: ${message} (${code})`)}`,
      `         ${cleanLine(hint)}`,
    ]),
  );
  if (lines.length > 0) return lines.join('\n');
  return nodes.length === 1
    ? 'Nothing is wrong with it.'
    : `Nothing is wrong with ${nodes.length} nodes.`;
}

/** Whether something keeps a node from its work. */
export function isCritical(nodes: readonly NodeHealth[]): boolean {
  return nodes.some(({ findings }) => findings.some(({ severity }) => severity === 'critical'));
}
