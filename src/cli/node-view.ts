import type { Node, NodeDetails } from '../contract/schemas/node.js';
import type { Column } from './table.js';

import { formatOffer } from './offer.js';
import { formatAge, formatBytes, formatLabels, formatRate } from './format.js';
import { hardwareFields, sampleFields } from './machine-view.js';
import { fields } from './table.js';

const TOLD_SKEW_MS = 5_000;

/** Columns of `node list`, by the name that --columns and --sort take. */
export const nodeColumns: Readonly<Record<string, Column<Node>>> = {
  name: { title: 'NAME', value: (node) => node.name },
  status: {
    title: 'STATUS',
    value: (node) => (node.drained ? `${node.status}, drained` : node.status),
  },
  owner: { title: 'OWNER', value: (node) => node.owner.name },
  since: { title: 'SINCE', value: (node) => formatAge(node.statusSince) },
  seen: { title: 'SEEN', value: (node) => seen(node) },
  labels: { title: 'LABELS', value: (node) => formatLabels(node.labels) },
  location: { title: 'LOCATION', value: (node) => node.location ?? '' },
  offer: { title: 'OFFER', value: (node) => (node.offer ? formatOffer(node.offer) : '') },
  engine: { title: 'ENGINE', value: (node) => engineIn(node) },
  description: { title: 'DESCRIPTION', value: (node) => node.description ?? '' },
  created: { title: 'CREATED', value: (node) => node.createdAt },
  id: { title: 'ID', value: (node) => node.id },
};

export const defaultNodeColumns = [
  'name',
  'status',
  'since',
  'seen',
  'owner',
  'engine',
  'labels',
  'id',
] as const;

/** All that is known of one node, a line each. */
export function describeNode(node: NodeDetails): string {
  const stick = node.provisioning;
  return fields([
    ['Node', node.name],
    ['Id', node.id],
    ['Owner', node.owner.name],
    ['Status', `${node.status} for ${formatAge(node.statusSince)}`],
    ['Reason', node.statusReason],
    ['Description', node.description],
    ['Location', node.location],
    ['Labels', formatLabels(node.labels)],
    ['Offer', node.offer && formatOffer(node.offer)],
    ['Has', node.agent?.capacity && formatOffer(node.agent.capacity)],
    ['Engine', engineOf(node)],
    ['Drained', node.drained && drainState(node.drained)],
    ['Trouble', node.agent && node.agent.problems.map(({ message }) => message).join(' ')],
    ['Agent', node.agent && agentState(node.agent)],
    ['Seen', node.agent && seen(node)],
    ['Clock', node.agent && clockState(node.agent)],
    ...sampleFields(node),
    ...hardwareFields(node),
    ['Image', stick?.image],
    ['Written to', stick && [stick.target, stick.model, stick.serial].filter(Boolean).join(', ')],
    ['Stick', stick && stickState(stick)],
    ['Join token', stick?.joinTokenExpiresAt && `expires ${stick.joinTokenExpiresAt}`],
    ['Created', node.createdAt],
  ]);
}

/** The same in a word: a column has no room for why. */
function engineIn(node: Node): string {
  return node.agent?.engineProblem !== undefined && node.agent.engine === undefined
    ? 'none'
    : (engineOf(node) ?? '');
}

/** `docker 20.10.24`, or why there is none. */
function engineOf({ agent }: Node): string | undefined {
  if (agent?.engine === undefined) {
    return agent?.engineProblem === undefined ? undefined : `none: ${agent.engineProblem}`;
  }
  return `${agent.engine.kind} ${agent.engine.version}`;
}

function drainState({ since, reason }: NonNullable<Node['drained']>): string {
  return `for ${formatAge(since)}${reason === undefined ? '' : `: ${reason}`}`;
}

/** How old the newest word of a node is. */
function seen({ agent }: Node): string {
  return agent?.lastSeenAt === undefined ? '' : `${formatAge(agent.lastSeenAt)} ago`;
}

function agentState(agent: NonNullable<Node['agent']>): string {
  const parts = [
    agent.version ?? '',
    agent.wantedVersion === undefined ? '' : `to be ${agent.wantedVersion}`,
    agent.approval === 'approved' ? '' : agent.approval,
    agent.source === undefined ? '' : `from ${agent.source}`,
    agent.observedGeneration < agent.generation
      ? `at generation ${agent.observedGeneration} of ${agent.generation}`
      : '',
  ];
  return parts.filter(Boolean).join(', ');
}

/** Only what is worth a line: a few seconds are the way there. */
function clockState({ clockSkewMs = 0 }: NonNullable<Node['agent']>): string | undefined {
  if (Math.abs(clockSkewMs) < TOLD_SKEW_MS) return undefined;
  const seconds = Math.round(Math.abs(clockSkewMs) / 1_000);
  return `${seconds} s ${clockSkewMs > 0 ? 'ahead' : 'behind'}`;
}

function stickState(stick: NonNullable<Node['provisioning']>): string {
  const parts = [
    stick.targetState.replace('written-not-verified', 'written, not verified'),
    stick.imageBytes === undefined ? '' : formatBytes(stick.imageBytes),
    stick.bytesPerSecond === undefined ? '' : formatRate(stick.bytesPerSecond),
    stick.identityWritten ? 'with identity' : '',
  ];
  return parts.filter(Boolean).join(', ');
}
