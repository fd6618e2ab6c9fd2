// What happens to the agents, their daemon and the network between them. Each fault ends when what it did is undone, and says what was not as promised.
import { setTimeout as pause } from 'node:timers/promises';

import { fillDisk } from './full-disk.mjs';
import { cutOff, stopCutOff } from './partition.mjs';
import { shuffled } from '../random.mjs';

const LONGEST_GAP_MS = 2_000;

/**
 * One round has every fault once. Who it happens to, and in which order, comes of the seed alone. What is cut off is let alone otherwise, so that it
 * is seen to find that out by itself.
 */
export function planRound(agents, random) {
  const [cut, ...rest] = shuffled(
    agents.filter(({ disk }) => !disk.isSmall),
    random,
  );
  const one = () => rest[Math.floor(random() * rest.length)];
  const faults = (of) =>
    shuffled(of, random).map((fault) => ({ ...fault, gapMs: random() * LONGEST_GAP_MS }));
  return [
    faults([
      { run: cutOff, agent: cut },
      { run: restartDaemon },
      { run: killDaemon },
      { run: killPostgres },
    ]),
    faults([
      { run: restartAgent, agent: one() },
      { run: killAgent, agent: one() },
      { run: stopCutOff, agent: one() },
      { run: fillDisk, agent: agents.find(({ disk }) => disk.isSmall) },
    ]),
  ];
}

/** Does the faults of one lane one after the other. */
export async function breakThings(world, lane) {
  for (const { run, agent, gapMs } of lane) {
    await pause(gapMs);
    await run(world, agent);
  }
}

async function restartAgent({ note }, agent) {
  note(`${agent.name}: its agent stopped`);
  await agent.process.stop();
  agent.process.start();
}

async function killAgent({ note }, agent) {
  note(`${agent.name}: its agent killed`);
  await agent.process.kill();
  agent.process.start();
}

async function restartDaemon({ note, daemon }) {
  note('daemon stopped');
  await daemon.stop();
  await daemon.start();
  note('daemon back');
}

async function killDaemon(world) {
  const { note, daemon } = world;
  note('daemon killed');
  world.kills += 1;
  await daemon.kill();
  await daemon.start();
  note('daemon back');
}

async function killPostgres(world) {
  const { note, daemon } = world;
  note('Postgres killed');
  world.kills += 1;
  await daemon.killPostgres();
  await daemon.insist('nodes.list', {});
  note('Postgres back');
}
