import { isReached, isWell, nodeOf } from './nodes.mjs';
import { becomes } from './waiting.mjs';

/** The longest wait of an agent before it tries again, a try that fails, and a heartbeat. */
const TIMEOUT_MS = 60_000;
/** What found no room is tried again every ten seconds. Later it may be another connection that helps. */
const ROOM_TIMEOUT_MS = 25_000;

/** A node whose disk is full starts all the same, says what it could not keep, and is well by itself as soon as there is room. */
export async function fillDisk(world, agent) {
  agent.isHeld = true;
  await becomes(async () => agent.isParked && (await isReached(world, agent)), TIMEOUT_MS);
  await startsOnFullDisk(world, agent);
  await isToldOnFullDisk(world, agent);
  agent.isHeld = false;
}

/** Nothing is asked of it meanwhile, so nothing but the room can make it well. */
async function startsOnFullDisk(world, agent) {
  const { note, require } = world;
  const { agent: before } = await nodeOf(world, agent);
  note(`${agent.name}: its disk full, its agent stopped`);
  agent.fillDisk();
  await agent.process.stop();
  agent.process.start();
  const isBack = await becomes(async () => {
    const node = await nodeOf(world, agent);
    return node.agent.connectedAt > before.connectedAt && isWell(node);
  }, TIMEOUT_MS);
  require(isBack, `${agent.name}: its agent did not come back with a full disk`);
  await makesUseOfRoom(world, agent);
}

async function isToldOnFullDisk(world, agent) {
  const { daemon, note, require } = world;
  note(`${agent.name}: its disk full`);
  agent.fillDisk();
  const { generation } = await agent.target();
  const input = { node: agent.id, description: `disk full at ${generation}` };
  await daemon.insist('nodes.update', input, `${agent.name}-full-${generation}`);
  agent.ownChanges += 1;
  const hasSaid = await becomes(async () => {
    const { agent: told } = await nodeOf(world, agent);
    return told.problems.some(({ code }) => code === 'TARGET_NOT_KEPT');
  }, TIMEOUT_MS);
  const { agent: told } = await nodeOf(world, agent);
  require(hasSaid, `${agent.name}: its disk is full, and it does not say so`);
  require(told.observedGeneration === generation &&
    (await agent.target()).generation ===
      generation, `${agent.name}: says that it has reached ${told.observedGeneration}; on its full disk is ${generation}`);
  await makesUseOfRoom(world, agent);
}

async function makesUseOfRoom(world, agent) {
  await agent.disk.makeRoom();
  world.note(`${agent.name}: room on its disk`);
  const isDone = await becomes(async () => {
    const { state, pid } = await agent.status();
    return state === 'connected' && pid === agent.process.pid && (await isReached(world, agent));
  }, ROOM_TIMEOUT_MS);
  world.require(isDone, `${agent.name}: there is room on its disk, and it made no use of it`);
}
