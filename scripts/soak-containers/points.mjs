// Who is killed, and when.
import { setTimeout as pause } from 'node:timers/promises';

import { randomOf, shuffled } from '../random.mjs';
import { change } from './changes.mjs';

/** Each as often as it stands here before any comes again. */
const DECK = [
  ['agent'],
  ['engine'],
  ['daemon'],
  ['agent'],
  ['engine'],
  ['agent', 'engine'],
  ['engine', 'daemon'],
  ['agent', 'daemon'],
];
/** Most of what happens after a call happens at once; the rest is the proof of an update. */
const SOON_MS = 900;
const LATE_MS = 6_000;
const LATE_SHARE = 0.35;
const LONGEST_ABSENCE_MS = 1_200;

/** The victims of so many points. */
export function planPoints(count, random) {
  const points = [];
  while (points.length < count) points.push(...shuffled(DECK, random));
  return points.slice(0, count);
}

/** Changes are made, and in their midst the victims are killed and started again; resolves when all of them run and all is acknowledged. */
export async function breakAt(world, victims, random) {
  const changes = world.changed.map((one) =>
    random() < 0.8
      ? change(world, one, randomOf(random() * 2 ** 32), random() < 0.3 ? 2 : 1)
      : undefined,
  );
  // What fails early is told when it is waited for.
  for (const done of changes) done?.catch(() => undefined);
  const isLate = random() < LATE_SHARE;
  await pause(random() * (isLate ? LATE_MS : SOON_MS));
  world.away += 1;
  try {
    world.note(`kill -9 of ${victims.join(' and ')}`);
    await Promise.all(victims.map((victim) => world.parts[victim].kill()));
    await Promise.all(
      victims.map(async (victim) => {
        await pause(random() * LONGEST_ABSENCE_MS);
        await world.parts[victim].start();
      }),
    );
  } finally {
    world.away -= 1;
    world.wholeSinceMs = performance.now();
  }
  await Promise.all(changes);
}
