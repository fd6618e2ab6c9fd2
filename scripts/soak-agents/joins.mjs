// How the machines of the soak join: as machines do whose network, power or disk fails on the way.
const KILLED_TRIES = 4;
const EARLIEST_MS = 100;
const LATEST_MS = 500;
/** Where nobody listens (RFC 863, which nobody serves any more). */
const NOBODY_PORT = 9;

/**
 * Each joins with a token of its own that is good once. One is killed at moments that chance gives, and tries again; the one with the small disk has no room
 * for the answer at first. Answers how many tries it took.
 */
export async function joinAll({ daemon, agents, note, require }, random) {
  let tries = 0;
  for (const [n, agent] of agents.entries()) {
    const { token } = await daemon.insist('nodeTokens.create', { daemonUrl: daemon.url });
    const request = { token, name: agent.name };
    const attempt = async ({ url, killAfterMs } = {}) => {
      tries += 1;
      await agent.join({ ...request, url }, killAfterMs);
      return (await agent.membership()).node;
    };
    if (n === 0) await killedTries(attempt, random);
    if (agent.disk.isSmall) {
      await attempt({ url: `https://${agent.machine.address}:${NOBODY_PORT}` });
      agent.fillDisk();
      require((await attempt()) === undefined, `${agent.name}: joined on a full disk`);
      const { nodes } = await daemon.insist('nodes.list', {});
      require(nodes.length === n + 1, `${agent.name}: is no node, so no answer was lost`);
      await agent.disk.makeRoom();
    }
    const { node } = await agent.membership();
    const joined = node ?? (await attempt());
    if (!joined) throw new Error(`${agent.name} cannot join.`);
    agent.id = joined.id;
    note(`${agent.name}: joined`);
  }
  return tries;
}

async function killedTries(attempt, random) {
  for (let at = 0; at < KILLED_TRIES; at += 1) {
    await attempt({ killAfterMs: EARLIEST_MS + random() * (LATEST_MS - EARLIEST_MS) });
  }
}
