// What must hold after each point: what the daemon says, what was acknowledged, and what the engine has are the same.
import { becomes } from '../soak-agents/waiting.mjs';

const SETTLE_MS = 60_000;

/** Waits until all is as it was last told, says what is not, and how long it took. */
export async function settle(world) {
  let wrong = [];
  const from = performance.now();
  await becomes(async () => {
    wrong = ['the daemon or the engine does not answer'];
    wrong = await differences(world);
    return wrong.length === 0;
  }, SETTLE_MS);
  for (const what of wrong) world.require(false, `not settled: ${what}`);
  await judgeControls(world);
  return Math.round(performance.now() - from);
}

/** What is asked before any of them is disturbed. */
export async function noteControls({ daemon, view, controls }) {
  for (const control of controls) {
    control.facts = await factsOf({ daemon, view }, control.name);
  }
}

async function judgeControls(world) {
  for (const { name, facts } of world.controls) {
    const now = await factsOf(world, name).catch(({ message }) => ({ error: message }));
    const [before, after] = [facts, now].map((some) => JSON.stringify(some));
    world.require(before === after, `${name} was left alone, and was ${before}; it is ${after}`);
  }
}

async function factsOf({ daemon, view }, name) {
  const { instances } = await daemon.insist('containers.get', { container: name });
  const [{ lease }] = instances;
  const [{ id }] = (await view.list()).filter((one) => one.lease === lease);
  return view.inspect(id);
}

async function differences({ daemon, view, counters, processes, changed, controls }) {
  const { containers } = await daemon.insist('containers.list', {});
  const known = await Promise.all(
    containers.map(({ id }) => daemon.insist('containers.get', { container: id })),
  );
  const listed = await view.list();
  const inspected = new Map();
  for (const { id } of listed) inspected.set(id, await view.inspect(id));
  const wishes = new Map(changed.flatMap(({ name, wanted }) => (wanted ? [[name, wanted]] : [])));
  for (const { name } of controls) wishes.set(name, { desired: 'running', replicas: 1 });
  const leases = new Set(known.flatMap(({ instances }) => instances.map(({ lease }) => lease)));
  return [
    ...[...wishes.keys()]
      .filter((name) => !known.some((one) => one.name === name))
      .map((name) => `${name} is to be, and is not`),
    ...known.flatMap((one) => ofContainer(one, wishes.get(one.name), listed, inspected)),
    ...listed
      .filter(({ lease }) => !leases.has(lease))
      .map(({ id, lease }) => `container ${id.slice(0, 8)} of lease ${lease} is left over`),
    ...[...counters().keys()]
      .filter((lease) => !leases.has(lease))
      .map((lease) => `the cgroup of lease ${lease} is left over`),
    ...processes(leases)
      .filter((place) => !listed.some(({ id, state }) => state === 'running' && place.includes(id)))
      .map((place) => `something runs in ${place} that the engine does not know of`),
    ...(await view.volumes())
      .filter((volume) => !known.some(({ id, volumesOf = id }) => volume.includes(volumesOf)))
      .map((volume) => `the volume ${volume} is left over`),
  ];
}

function ofContainer(known, wanted, listed, inspected) {
  const { name, status, statusReason, instances, revision } = known;
  if (!wanted) return [`${name} is not to be, and is ${status}`];
  const isStopped = wanted.desired === 'stopped';
  const has = {
    id: known.id,
    stamp: known.spec.env.STAMP,
    ...pick(known, ['desired', 'replicas']),
  };
  const wrong = Object.entries(wanted).filter(([key, value]) => has[key] !== value);
  return [
    ...wrong.map(([key, value]) => `${name}: ${key} is ${has[key]}, and ${value} was acknowledged`),
    ...(status === (isStopped ? 'stopped' : 'running')
      ? []
      : [`${name} is ${status} (${statusReason ?? 'no reason'}), and is to be ${wanted.desired}`]),
    ...(instances.length === wanted.replicas
      ? []
      : [`${name} has ${instances.length} of ${wanted.replicas} replicas`]),
    ...instances.flatMap((replica) =>
      ofReplica({ replica, revision, stamp: wanted.stamp, isStopped }, listed, inspected).map(
        (what) => `${name}.${replica.replica} ${what}`,
      ),
    ),
  ];
}

function ofReplica({ replica, revision, stamp, isStopped }, listed, inspected) {
  const mine = listed.filter(({ lease }) => lease === replica.lease);
  const { generation, observedGeneration } = replica;
  const has = mine.map(({ id, state }) => `${id.slice(0, 8)} ${state}`).join(', ') || 'nothing';
  // One that is stopped is left as it was, whatever it is to be when it is started again.
  const isRight = isStopped
    ? mine.length <= 2 && mine.every(({ state }) => state !== 'running' && state !== 'restarting')
    : mine.length === 1 && mine[0].state === 'running';
  return [
    ...(isRight
      ? []
      : [`is to be ${isStopped ? 'stopped' : 'running'}, and the engine has ${has}`]),
    ...(replica.revision === revision ? [] : [`is revision ${replica.revision} of ${revision}`]),
    ...(observedGeneration >= generation
      ? []
      : [`has seen ${observedGeneration} of ${generation}`]),
    ...mine
      .map(({ id }) => inspected.get(id).stamp)
      .filter((one) => !isStopped && stamp !== undefined && one !== stamp)
      .map((one) => `was made with STAMP ${one} and not ${stamp}`),
  ];
}

function pick(from, keys) {
  return Object.fromEntries(keys.map((key) => [key, from[key]]));
}
