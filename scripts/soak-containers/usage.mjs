// What was used, as it is told, against what the kernel has counted.
import { setTimeout as pause } from 'node:timers/promises';

import { becomes } from '../soak-agents/waiting.mjs';

const TICK_MICROS = 10_000;
const SHARE = 0.01;
const SAMPLED_MS = 1_500;
const TOLD_MS = 60_000;
/** What a lease used between the last look at its counter and its end, where the last of it is stopped and taken away. */
const UNSEEN_MICROS = 150_000;

/**
 * The agent makes its records when it is told to end, and sends them when it runs again. What goes on meanwhile uses more, so a sum has to lie between
 * the counters before and after.
 */
export async function judgeUsage(world, watch) {
  const { counters, parts, require } = world;
  const before = counters();
  // Counters are read once a second.
  await pause(SAMPLED_MS);
  // Once more, so that what was counted before is not counted again.
  await parts.agent.stop();
  parts.agent.start();
  await pause(SAMPLED_MS * 2);
  await parts.agent.stop();
  const after = counters();
  parts.agent.start();
  // What is told once too often is not waited for by what has to be there.
  await pause(SAMPLED_MS * 2);
  let told = new Map();
  const isTold = await becomes(async () => {
    told = await sums(world);
    return [...before].every(([lease, micros]) => (told.get(lease) ?? 0) >= least(micros));
  }, TOLD_MS);
  const ended = [...watch.used].filter(([lease]) => !after.has(lease));
  const wrong = [];
  for (const [lease, micros] of before) {
    const sum = told.get(lease) ?? 0;
    const isRight = sum >= least(micros) && sum <= most(after.get(lease) ?? micros);
    if (!isRight)
      wrong.push(`lease ${lease} used ${micros} to ${after.get(lease)} µs, and ${sum} are told`);
  }
  const off = [];
  for (const [lease, micros] of ended) {
    const sum = told.get(lease) ?? 0;
    off.push(sum - micros);
    const isRight = sum >= least(micros) && sum <= most(micros) + UNSEEN_MICROS;
    if (!isRight) wrong.push(`ended lease ${lease} used ${micros} µs, and ${sum} are told`);
  }
  for (const what of wrong) require(false, what);
  require(isTold, 'the last records were not told');
  return { living: before.size, ended: ended.length, mostUnseenMicros: Math.max(0, ...off) };
}

async function sums({ daemon, ids }) {
  const told = new Map();
  for (const container of ids()) {
    const { usage } = await daemon.insist('containers.usage', { container });
    for (const { lease, cpuSeconds } of usage) {
      told.set(lease, (told.get(lease) ?? 0) + Math.round(cpuSeconds * 1e6));
    }
  }
  return told;
}

function least(micros) {
  return micros * (1 - SHARE) - TICK_MICROS;
}

function most(micros) {
  return micros * (1 + SHARE) + TICK_MICROS;
}
