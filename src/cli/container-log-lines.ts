import type { OperationOutput } from '../contract/registry.js';

import { DOCUMENT_VERSION } from './machine-command.js';
import { written } from './written.js';

type LogItem = OperationOutput<'containers.logs'>;

export interface LogStyle {
  readonly json: boolean;
  readonly timestamps: boolean;
  /** Of the container, where lines of several replicas are told apart. */
  readonly prefix: string | undefined;
}

/** Prints what a container wrote: each line to the output that it was written to. */
export async function printLogItem(item: LogItem, style: LogStyle): Promise<void> {
  const { replica, node } = item;
  if ('missing' in item) {
    const { missing } = item;
    if (style.json) return written(process.stdout, document({ replica, node, missing }));
    return written(process.stderr, `Replica ${replica} on ${node}: ${missing}\n`);
  }
  for (const { at, stream, text } of item.lines) {
    if (style.json) {
      await written(process.stdout, document({ replica, node, at, stream, text }));
      continue;
    }
    const who = style.prefix === undefined ? '' : `${style.prefix}-${replica} | `;
    const when = style.timestamps ? `${at} ` : '';
    await written(process[stream], `${who}${when}${text}\n`);
  }
}

function document(fields: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ schemaVersion: DOCUMENT_VERSION, ...fields })}\n`;
}
