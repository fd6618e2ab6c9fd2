// What the daemon says of a node.

export function nodeOf({ daemon }, agent) {
  return daemon.insist('nodes.get', { node: agent.id });
}

/** Whether it is as it was last told, and finds nothing wrong with that. */
export async function isReached(world, agent) {
  const { agent: told } = await nodeOf(world, agent);
  return told.observedGeneration === told.generation && told.problems.length === 0;
}

/** One that came back often is degraded for ten minutes, for that alone. */
export function isWell({ status, statusReason = '' }) {
  if (status === 'online') return true;
  return (
    status === 'degraded' &&
    /^It comes and goes: it connected \d+ times lately\.$/.test(statusReason)
  );
}
