import { setTimeout as pause } from 'node:timers/promises';

import { isWell, nodeOf } from './nodes.mjs';
import { becomes } from './waiting.mjs';

/** Three heartbeats that are missing, and a sweep that has just been when the third was due; once more where the daemon was restarted meanwhile. */
const OFFLINE_TIMEOUT_MS = 90_000;
/** The agent ends a connection when it has sent three heartbeats and the fourth is due. */
const NOTICE_TIMEOUT_MS = 45_000;
/** The longest wait of an agent before it tries again, and a try that fails. */
const BACK_TIMEOUT_MS = 60_000;

/** Cuts a node off without a word to either side: both have to find out, and be together again afterwards. */
export async function cutOff(world, agent) {
  const { note, internet, partitionMs } = world;
  // One that has not come back from the fault before is not there to be missed.
  await becomes(async () => isWell(await nodeOf(world, agent)), BACK_TIMEOUT_MS);
  const cutAt = performance.now();
  note(`${agent.name}: cut off`);
  await internet.cut(agent.machine);
  const [isOffline, hasNoticed] = await Promise.all([
    becomes(async () => (await nodeOf(world, agent)).status === 'offline', OFFLINE_TIMEOUT_MS),
    becomes(async () => (await agent.status()).state === 'waiting', NOTICE_TIMEOUT_MS),
  ]);
  const offline = await nodeOf(world, agent);
  note(`${agent.name}: seen ${offline.status}`);
  world.require(
    isOffline,
    `${agent.name}: cut off, and ${offline.status} (since ${offline.statusSince}), not offline`,
  );
  world.require(hasNoticed, `${agent.name}: cut off, and its agent did not notice`);
  world.require(
    !isOffline || offline.statusReason?.startsWith('Nothing was heard of it since '),
    `${agent.name}: offline, and the reason is "${offline.statusReason}"`,
  );
  await pause(Math.max(0, partitionMs - (performance.now() - cutAt)));
  await internet.mend(agent.machine);
  note(`${agent.name}: within reach again`);
  const isBack = await becomes(async () => isWell(await nodeOf(world, agent)), BACK_TIMEOUT_MS);
  const back = await nodeOf(world, agent);
  note(`${agent.name}: seen ${back.status}`);
  world.require(isBack, `${agent.name}: within reach again, and ${back.status}`);
  world.require(
    !isOffline || back.statusSince > offline.statusSince,
    `${agent.name}: is ${back.status} since ${back.statusSince}, before it was offline`,
  );
}

/** Stops an agent that does not know yet that nobody hears it. It waits for no answer. */
export async function stopCutOff({ note, internet }, agent) {
  note(`${agent.name}: cut off, its agent stopped`);
  await internet.cut(agent.machine);
  await agent.process.stop();
  await internet.mend(agent.machine);
  agent.process.start();
}
