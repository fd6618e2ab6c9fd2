// Containers that are changed all the time, and what each of them is to be after what was acknowledged.
import { setTimeout as pause } from 'node:timers/promises';

const MIB = 1 << 20;
const RETRY_MS = 100;
const GIVE_UP_MS = 90_000;
const LONGEST_PAUSE_MS = 400;
const MOST_REPLICAS = 2;
const SCRIPT = "trap 'exit 0' TERM; n=0; while :; do n=$((n+1)); echo $STAMP $n; sleep 0.1; done";
/** While the node or its engine is away, or what was there before still goes. */
const NOT_NOW = ['NODE_OFFLINE', 'ENGINE_MISSING', 'NO_PLACE', 'OFFER_TOO_SMALL', 'NODE_DRAINED'];
/** What was asked for is not to be had in this state, which is an answer too. */
const REFUSED = ['CONTAINER_NOT_RUNNING', 'REVISION_NOT_FOUND'];

/** Each goes another way from one revision to the next. */
export const CHANGED = [
  { name: 'swift', parts: { updateOrder: 'start-first', health: healthCheck() } },
  {
    name: 'kept',
    parts: { volumes: [{ source: 'data', target: '/data', readOnly: false }] },
  },
  { name: 'plain', parts: {} },
];

const CALLS = [
  ...repeated(6, (one) => ({ operation: 'containers.update', input: { env: stampOf(one) } })),
  ...repeated(2, () => ({ operation: 'containers.stop', input: {} })),
  ...repeated(3, () => ({ operation: 'containers.start', input: {} })),
  ...repeated(2, () => ({ operation: 'containers.restart', input: {} })),
  ...repeated(2, (_, random) => ({
    operation: 'containers.scale',
    input: { replicas: 1 + Math.floor(random() * MOST_REPLICAS) },
  })),
  ...repeated(2, () => ({ operation: 'containers.rollback', input: {} })),
  ...repeated(2, () => ({ operation: 'containers.remove', input: { volumes: true } })),
];

/** Of a container of the soak, with the image that is there already. */
export function specOf(image, script, parts = {}) {
  return {
    image,
    command: ['/bin/sh', '-c', script],
    pull: 'never',
    cpuMillis: 100,
    memoryBytes: 32 * MIB,
    stopSeconds: 3,
    ...parts,
  };
}

/** One that nothing is known of yet. */
export function changedContainer({ name, parts }) {
  return { name, parts, stamp: 0, count: 0, wanted: undefined, ids: [] };
}

/** Makes some calls, one after the other; each is made again, with its key, until it is acknowledged or refused. */
export async function change(world, one, random, calls) {
  for (let n = 0; n < calls; n += 1) {
    const kind = CALLS[Math.floor(random() * CALLS.length)];
    const { operation, input } = one.wanted ? kind(one, random) : deployment(world, one);
    const which = operation === 'containers.deploy' ? {} : { container: one.name };
    world.note(`${one.name}: ${operation} ${JSON.stringify(input.env ?? input.replicas ?? '')}`);
    const answer = await acknowledged(world, operation, { ...which, ...input });
    if (answer === undefined) continue;
    one.count += 1;
    if (operation === 'containers.deploy') one.ids.push(answer.id);
    one.wanted = operation === 'containers.remove' ? undefined : wantedOf(answer);
    const { STAMP } = input.env ?? {};
    world.require(
      STAMP === undefined || STAMP === answer.spec.env.STAMP,
      `${one.name}: STAMP ${STAMP} was asked for, and ${answer.spec?.env.STAMP} acknowledged`,
    );
    await pause(random() * LONGEST_PAUSE_MS);
  }
}

function deployment({ image, node }, one) {
  const spec = specOf(image, SCRIPT, { ...one.parts, env: stampOf(one) });
  return { operation: 'containers.deploy', input: { name: one.name, node, ...spec } };
}

function wantedOf({ id, spec, desired, replicas }) {
  return { id, stamp: spec.env.STAMP, desired, replicas };
}

/** Undefined where it was refused for good. */
async function acknowledged({ daemon, keyOf }, operation, input) {
  const until = performance.now() + GIVE_UP_MS;
  for (;;) {
    try {
      return await daemon.insist(operation, input, keyOf());
    } catch (error) {
      if (REFUSED.includes(error.code)) return undefined;
      if (!NOT_NOW.includes(error.code) || performance.now() > until) throw error;
      await pause(RETRY_MS);
    }
  }
}

function stampOf(one) {
  one.stamp += 1;
  return { STAMP: String(one.stamp) };
}

function repeated(times, make) {
  return Array.from({ length: times }, () => make);
}

function healthCheck() {
  const command = ['/bin/true'];
  return { command, intervalMs: 1_000, timeoutMs: 5_000, retries: 5, startPeriodMs: 1_000 };
}
