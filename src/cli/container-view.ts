import type { OperationOutput } from '../contract/registry.js';
import type { Container, ContainerDetails, Replica } from '../contract/schemas/container.js';
import type { Column } from './table.js';

import { formatAge, formatBinary, formatBytes, formatLabels, formatSeconds } from './format.js';
import { knownName } from './container-words.js';
import { formatPort } from './ports.js';
import { fields, table } from './table.js';
import { clean } from './text.js';
import { formatVolume } from './volumes.js';

export type UsageOf = OperationOutput<'containers.usage'>['usage'];

/** A word of a node that is older is shown with its age: replicas tell of themselves more often while they change. */
const OLD_WORD_MS = 90_000;
const UP: readonly Replica['phase'][] = ['running', 'unhealthy', 'unknown'];
const AWAY: readonly Replica['phase'][] = ['unknown', 'lost'];

export const containerColumns: readonly Column<Container>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'STATUS', value: ({ status }) => status },
  { title: 'REPLICAS', value: (one) => `${one.replicasRunning}/${one.replicas}` },
  { title: 'IMAGE', value: ({ image }) => image },
  { title: 'NODES', value: ({ nodes }) => nodes.map(({ name }) => name).join(',') },
  { title: 'SINCE', value: ({ statusSince }) => formatAge(statusSince) },
  { title: 'OWNER', value: ({ owner }) => owner.name },
  { title: 'ID', value: ({ id }) => id },
];

/** Rows of the replicas, with the node and the ports where they can be reached. */
const replicaColumns: readonly Column<Replica>[] = [
  { title: 'REPLICA', value: ({ replica }) => String(replica) },
  { title: 'NODE', value: ({ node }) => node.name },
  { title: 'PHASE', value: (one) => phaseOf(one) },
  { title: 'REVISION', value: ({ revision }) => String(revision) },
  { title: 'RESTARTS', value: ({ restarts }) => String(restarts) },
  { title: 'UP', value: (one) => upFor(one) },
  { title: 'PORTS', value: (one) => one.ports.map((port) => placeOf(one, port)).join(' ') },
  { title: 'HEARD', value: (one) => heard(one) },
];

/** All that is known of one container and its replicas. */
export async function describeContainer(
  container: ContainerDetails,
  usage: UsageOf = [],
): Promise<string> {
  const { spec, placement } = container;
  const head = fields([
    ['Container', container.name],
    ['Id', container.id],
    ['Owner', container.owner.name],
    ['Status', `${container.status} for ${formatAge(container.statusSince)}`],
    ['Reason', container.statusReason],
    ['As of', ageOfView(container)],
    ['Image', container.image],
    ['Digest', container.digest],
    ['Revision', String(container.revision)],
    ['Replicas', `${container.replicasRunning} of ${container.replicas} running`],
    ['Node', placement.node?.name],
    ['Selector', formatLabels(placement.selector)],
    ['Labels', formatLabels(container.labels)],
    ['Limits', `${spec.cpuMillis / 1_000} cores, ${formatBinary(spec.memoryBytes)} memory`],
    ['Restart', `${spec.restart}${spec.maxRestarts ? `:${spec.maxRestarts}` : ''}`],
    ['Health', spec.health && spec.health.command.join(' ')],
    ['Volumes', spec.volumes.map(formatVolume).join(', ')],
    ['Secrets', spec.secrets.map(({ name }) => name).join(', ')],
    ['Paid from', container.payFrom.name],
    ['Used', usedIn(usage)],
    ['Created', container.createdAt],
  ]);
  const rows =
    container.instances.length === 0 ? [] : [await table(replicaColumns, container.instances)];
  const troubles = container.instances.flatMap((one) => troubleOf(one));
  return [head, ...rows, ...troubles].join('\n\n');
}

/** One line about a container that a command has just changed. */
export function summaryOf(container: Container): string {
  const { status, replicas, replicasRunning, nodes } = container;
  const where = nodes.length === 0 ? '' : ` on ${nodes.map((node) => node.name).join(', ')}`;
  return `Container ${knownName(container)} is ${status}${where} (${replicasRunning} of ${replicas} running).`;
}

/** Where the volumes of a container lie that is removed without them, and how they are had again. */
export function keptVolumes(container: ContainerDetails): readonly string[] {
  const { id, name, owner, nodes, spec, volumesOf = id } = container;
  const volumes = spec.volumes.map(({ source }) => source).filter((one) => !one.startsWith('/'));
  if (volumes.length === 0 || nodes.length === 0) return [];
  const where = nodes.map((node) => node.name).join(', ');
  return [
    ...volumes.map(
      (volume) =>
        `Its volume ${volume} stays on ${where}, where the engine calls it syntropy-${volumesOf}-${volume}.`,
    ),
    `Another container ${name} of ${owner.name} finds ${volumes.length > 1 ? 'them' : 'it'} there; --node says where it is placed.`,
  ];
}

/** `node-01:32768->80/tcp` for each port of each replica, where the node has said which it is. */
export function publishedAt({ instances }: ContainerDetails): readonly string[] {
  return instances.flatMap((one) =>
    one.ports
      .filter(({ host }) => host !== undefined)
      .map((port) => `${placeOf(one, port)} -> ${port.container}/${port.protocol}`),
  );
}

function placeOf({ node }: Replica, port: Replica['ports'][number]): string {
  return port.host === undefined ? formatPort(port) : `${node.name}:${port.host}`;
}

function phaseOf({ phase, exitCode, observedGeneration, generation }: Replica): string {
  const exit = exitCode === undefined ? '' : ` (${exitCode})`;
  return `${phase}${exit}${observedGeneration < generation ? ', to change' : ''}`;
}

/** Of one that is away, by its last word. */
function upFor({ phase, startedAt }: Replica): string {
  return startedAt === undefined || !UP.includes(phase) ? '' : formatAge(startedAt);
}

function isOld({ phase, observedAt }: Replica, now = Date.now()): boolean {
  return (
    AWAY.includes(phase) ||
    (observedAt !== undefined && phase !== 'ended' && now - Date.parse(observedAt) > OLD_WORD_MS)
  );
}

function heard(one: Replica): string {
  return one.observedAt === undefined ? '' : `${formatAge(one.observedAt)} ago`;
}

/** What is shown of a node that is away is what it said last, and that is as old as this. */
function ageOfView({ observedAt, instances }: ContainerDetails): string | undefined {
  const away = instances.filter((one) => AWAY.includes(one.phase));
  if (away.length === 0 || observedAt === undefined) return undefined;
  const names = [...new Set(away.map(({ node }) => node.name))].join(', ');
  return `${formatAge(observedAt)} ago: nothing is heard of ${names}`;
}

/** Why a replica is not as it should be, and what it wrote last. */
function troubleOf(one: Replica): readonly string[] {
  if (one.reason === undefined && one.lastWords === undefined && !AWAY.includes(one.phase)) {
    return [];
  }
  const age = isOld(one) && one.observedAt !== undefined ? ` (${heard(one)})` : '';
  const why = one.reason ?? one.phase;
  const code = one.code === undefined ? '' : ` [${one.code}]`;
  const words = one.lastWords?.trimEnd();
  return [
    clean(
      `Replica ${one.replica} on ${one.node.name}: ${why}${code}${age}${
        words ? `\n${words.replace(/^/gm, '  ')}` : ''
      }`,
    ),
  ];
}

const sum = (usage: UsageOf, value: (one: UsageOf[number]) => number) =>
  usage.reduce((total, one) => total + value(one), 0);

function usedIn(usage: UsageOf): string | undefined {
  if (usage.length === 0) return undefined;
  const cpu = sum(usage, ({ cpuSeconds }) => cpuSeconds);
  const gibHours = sum(usage, ({ memoryMibSeconds }) => memoryMibSeconds) / 1_024 / 3_600;
  const rx = formatBytes(sum(usage, ({ rxBytes }) => rxBytes));
  const tx = formatBytes(sum(usage, ({ txBytes }) => txBytes));
  return `${cpu.toFixed(1)} CPU s, ${gibHours.toFixed(3)} GiB h, ${rx} in, ${tx} out`;
}

export const usageColumns: readonly Column<UsageOf[number]>[] = [
  { title: 'REPLICA', value: ({ replica }) => String(replica) },
  { title: 'NODE', value: ({ node }) => node.name },
  { title: 'FROM', value: ({ from }) => from },
  { title: 'TO', value: ({ to }) => to },
  { title: 'TIME', value: ({ wallSeconds }) => formatSeconds(wallSeconds) },
  { title: 'CPU_SECONDS', value: ({ cpuSeconds }) => cpuSeconds.toFixed(1) },
  { title: 'MIB_SECONDS', value: ({ memoryMibSeconds }) => memoryMibSeconds.toFixed(0) },
  { title: 'IN', value: ({ rxBytes }) => formatBytes(rxBytes) },
  { title: 'OUT', value: ({ txBytes }) => formatBytes(txBytes) },
];
