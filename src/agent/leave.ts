import type { AgentFiles } from './agent-files.js';
import type { ConnectionParts } from './connection.js';

import { connect } from './connection.js';

/** Codes by which the daemon says that this machine is nothing to it already. */
const GONE = new Set<string>(['AGENT_UNKNOWN', 'NODE_REJECTED']);

/**
 * Tells the daemon that this machine is a node no more, and takes its keys away. An agent that runs ends by itself when it looks
 * at them before it connects again.
 * @param force - take the keys away also when the daemon does not answer; to the grid the node is then silent, and lost after a while.
 * @throws {AppError} why it could not be told.
 */
export async function leaveGrid(
  files: AgentFiles,
  parts: Pick<ConnectionParts, 'membership' | 'identity' | 'machine' | 'bootId' | 'version'>,
  force: boolean,
): Promise<{ readonly told: boolean }> {
  const end = await connect(
    {
      ...parts,
      leaves: true,
      onWelcome: () => undefined,
      onSkew: () => undefined,
    },
    new AbortController().signal,
  );
  const told = end.hasLeft || GONE.has(end.error.code);
  if (!told && !force) throw end.error;
  await files.wipe();
  return { told };
}
