import { formatBinary } from './format.js';

/** A part of a spec as it is called on a command line, and how its value is said there. */
interface SpecWord {
  readonly word: string;
  readonly said?: (value: unknown) => string | undefined;
}

const seconds = (value: unknown) => (typeof value === 'number' ? `${value / 1_000}s` : undefined);

const WORDS: Readonly<Record<string, SpecWord>> = {
  args: { word: 'arg' },
  cpuMillis: {
    word: 'cpus',
    said: (value) => (typeof value === 'number' ? String(value / 1_000) : undefined),
  },
  memoryBytes: {
    word: 'memory',
    said: (value) => (typeof value === 'number' ? formatBinary(value) : undefined),
  },
  maxRestarts: { word: 'restart on-failure' },
  ports: { word: 'publish' },
  registryAuth: { word: 'registry-auth' },
  secrets: { word: 'secret' },
  stopSeconds: {
    word: 'stop-timeout',
    said: (value) => (typeof value === 'number' ? `${value}s` : undefined),
  },
  updateOrder: { word: 'update-order' },
  volumes: { word: 'volume' },
  workingDir: { word: 'workdir' },
  'confinement.allowPrivilegeEscalation': { word: 'allow-privilege-escalation' },
  'confinement.capAdd': { word: 'cap-add' },
  'confinement.pidsLimit': { word: 'pids-limit' },
  'confinement.user': { word: 'user' },
  'confinement.writableRoot': { word: 'writable-root' },
  'health.command': { word: 'health-cmd' },
  'health.intervalMs': { word: 'health-interval', said: seconds },
  'health.retries': { word: 'health-retries' },
  'health.startPeriodMs': { word: 'health-start-period', said: seconds },
  'health.timeoutMs': { word: 'health-timeout', said: seconds },
};

/** `memory` for `memoryBytes`; what has no flag of its own is called as it is. */
export function specWord(name: string): string {
  return wordOf(name)?.word ?? name;
}

/** `256 MiB` for a value of `memoryBytes`. */
export function specValue(name: string, value: unknown): string {
  return wordOf(name)?.said?.(value) ?? plain(value);
}

function wordOf(name: string): SpecWord | undefined {
  return Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return JSON.stringify(value);
  const items: readonly unknown[] = value;
  if (items.length === 0) return 'none';
  // Words of a command may hold anything; what is flat is told apart by commas.
  const isFlat = items.every((item) => typeof item === 'string' && !/[\s,]/.test(item));
  return isFlat ? items.join(',') : JSON.stringify(items);
}
