import type { Finding } from '../../types/models/health.js';
import type { Node } from '../../types/models/node.js';
import type { Sample } from '../../types/models/sample.js';

import { ailingFrom, share } from '../../utils/node-ailments.js';

/** A disk that is fuller is worth a word before it is full. */
const FILLING_SHARE = 0.85;
/** A machine that has joined connects within seconds. */
const CONNECTS_WITHIN_MS = 10 * 60_000;

interface Seen {
  /** The newest sample, when there is one of late. */
  readonly sample: Sample | undefined;
  readonly now: Date;
  /** Of the daemon. */
  readonly version: string;
}

const critical = (code: string, message: string, hint: string): Finding => ({
  code,
  severity: 'critical',
  message,
  hint,
});
const warning = (code: string, message: string, hint: string): Finding => ({
  code,
  severity: 'warning',
  message,
  hint,
});

/** All that is wrong with a node, the worst first. What its machine tells counts while it is connected. */
export function findingsOf(node: Node, seen: Seen): readonly Finding[] {
  const isConnected = node.status === 'online' || node.status === 'degraded';
  const found = [
    ...ofLife(node, seen.now),
    ...ofApproval(node),
    ...(isConnected
      ? [
          ...ofSample(seen.sample),
          ...ofClock(node),
          ...ofOrders(node),
          ...ofEngine(node),
          ...ofAgent(node, seen.version),
        ]
      : []),
  ];
  const isExplained = found.some(({ severity }) => severity === 'critical');
  const all = isExplained || node.status !== 'degraded' ? found : [degraded(node), ...found];
  return all.toSorted((a, b) => Number(a.severity > b.severity) - Number(a.severity < b.severity));
}

function ofLife(node: Node, now: Date): readonly Finding[] {
  const reason = node.statusReason === undefined ? '' : ` ${node.statusReason}`;
  switch (node.status) {
    case 'offline':
      return [
        critical(
          'offline',
          `It is offline.${reason}`,
          'Look whether the machine runs and reaches the daemon; on it, `syntropy agent status` tells.',
        ),
      ];
    case 'lost':
      return [
        critical(
          'lost',
          `Nobody waits for it any longer.${reason}`,
          'Start the machine, or delete the node with `syntropy node delete`.',
        ),
      ];
    case 'failed':
      return [
        critical(
          'failed',
          `It never became a node.${reason}`,
          'Write its stick once more with `syntropy node create`, or delete it with `syntropy node delete`.',
        ),
      ];
    case 'provisioned':
      return isPast(node.provisioning?.joinTokenExpiresAt, now)
        ? [
            warning(
              'join-token-expired',
              'No machine has joined with its stick, and the token on it is too old by now.',
              'Delete the node with `syntropy node delete`, and write its stick once more with `syntropy node create`.',
            ),
          ]
        : [];
    case 'joining': {
      const isLate = now.getTime() - node.statusSince.getTime() > CONNECTS_WITHIN_MS;
      if (node.agent?.approval !== 'approved' || !isLate) return [];
      return [
        warning(
          'never-connected',
          'A machine has joined, and its agent has not connected since.',
          'Start it on the machine with `syntropy agent run`.',
        ),
      ];
    }
    default:
      return [];
  }
}

function ofApproval({ name, status, agent }: Node): readonly Finding[] {
  if (agent?.approval !== 'pending') return [];
  const hint = `Let it in with \`syntropy node approve ${name}\`, or turn it away with \`syntropy node reject ${name}\`.`;
  return status === 'joining'
    ? [warning('approval-pending', 'Its machine waits to be approved.', hint)]
    : [
        critical(
          'machine-changed',
          'Its identity came from another machine than the one that joined.',
          hint,
        ),
      ];
}

function ofSample(sample: Sample | undefined): readonly Finding[] {
  if (!sample) return [];
  const { temperatureCelsius: celsius } = sample;
  const disk = share(sample.diskUsedBytes, sample.diskTotalBytes) ?? 0;
  const memory = share(sample.memoryUsedBytes, sample.memoryTotalBytes) ?? 0;
  const space = 'Free some space on the file system of `/`.';
  return [
    ...(disk >= ailingFrom.diskShare
      ? [critical('disk-full', `Its disk is ${percent(disk)} full.`, space)]
      : []),
    ...(disk >= FILLING_SHARE && disk < ailingFrom.diskShare
      ? [warning('disk-filling', `Its disk is ${percent(disk)} full.`, space)]
      : []),
    ...(memory >= ailingFrom.memoryShare
      ? [
          critical(
            'memory-short',
            `${percent(memory)} of its memory is used.`,
            'Stop what needs so much of it, or give the machine more.',
          ),
        ]
      : []),
    ...(celsius !== undefined && celsius >= ailingFrom.celsius
      ? [
          critical(
            'too-hot',
            `It is ${Math.round(celsius)} °C hot.`,
            'Look after its fans, its dust and what it is busy with.',
          ),
        ]
      : []),
  ];
}

function ofClock({ agent }: Node): readonly Finding[] {
  const skewMs = agent?.clockSkewMs ?? 0;
  if (Math.abs(skewMs) < ailingFrom.skewMs) return [];
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  const message = `Its clock is ${seconds} s ${skewMs > 0 ? 'ahead' : 'behind'}.`;
  return [critical('clock-off', message, 'Let the machine keep its time by NTP.')];
}

/** By what an agent says that it could not do. */
const ORDER_HINTS: Readonly<Record<string, string>> = {
  RESTART_NOT_ALLOWED:
    'Its owner allows that with `agent run --allow-restart`, or `agent install --allow-restart`.',
  UPDATE_NOT_ALLOWED: 'Its owner allows that with `agent install --allow-update`.',
  UPDATE_NOT_POSSIBLE: 'Install it there with `agent install`, or replace it by hand.',
  UPDATE_FAILED: 'See `node logs`; ordering the version again tries it again.',
  OFFER_EXCEEDS_HARDWARE: 'Offer less, with `node update --offer`.',
  TARGET_NOT_KEPT: 'Free some space on its disk; it tries again by itself.',
};

function ofOrders({ agent }: Node): readonly Finding[] {
  return (agent?.problems ?? []).map(({ code, message }) =>
    warning(
      'order-not-done',
      `It could not do what it was told: ${message}`,
      ORDER_HINTS[code] ?? 'Take away what stands in its way, or change what it is told.',
    ),
  );
}

/** Of a node that is to run containers; the agent of an older version says nothing of engines. */
function ofEngine({ offer, agent }: Node): readonly Finding[] {
  const isLent = offer?.cpuMillis !== undefined || offer?.memoryBytes !== undefined;
  if (!isLent || agent?.engineProblem === undefined) return [];
  return [
    warning(
      'engine-missing',
      `It offers room for containers, and has no engine to run them with: ${agent.engineProblem}`,
      'Install Docker or Podman on it (`apt-get install docker.io`), and see that it runs.',
    ),
  ];
}

function ofAgent({ agent }: Node, version: string): readonly Finding[] {
  if (agent?.version === undefined || !isOlder(agent.version, version)) return [];
  return [
    warning(
      'agent-outdated',
      `Its agent is of version ${agent.version}, the daemon of ${version}.`,
      'Bring it there with `node update --agent-version latest`.',
    ),
  ];
}

/** What nothing else explains, such as a connection that comes and goes. */
function degraded({ statusReason }: Node): Finding {
  return critical(
    'degraded',
    statusReason ?? 'It is degraded.',
    'Look after its network; it is online again once it has stayed connected.',
  );
}

function isPast(timestamp: string | undefined, now: Date): boolean {
  return timestamp !== undefined && Date.parse(timestamp) <= now.getTime();
}

/** Rounded down: 94.9 is not yet 95. */
function percent(part: number): string {
  return `${Math.floor(part * 100)} %`;
}

/** Whether a version comes before another, by its three numbers. What is no version is not older. */
export function isOlder(version: string, than: string): boolean {
  const [one, other] = [numbers(version), numbers(than)];
  if (!one || !other) return false;
  const at = one.findIndex((number, index) => number !== other[index]);
  return at >= 0 && (one[at] ?? 0) < (other[at] ?? 0);
}

function numbers(version: string): readonly number[] | undefined {
  const [, ...parts] = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})/.exec(version) ?? [];
  return parts.length === 3 ? parts.map(Number) : undefined;
}
