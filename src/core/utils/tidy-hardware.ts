import type { Hardware } from '../types/models/hardware.js';

const MAX_LENGTH = 128;
const MAX_DISKS = 32;
const MAX_CARDS = 32;
const MAX_ADDRESSES = 16;
const MAX_GPUS = 16;
const MAX_CORES = 65_536;
const MAX_MBPS = 10_000_000;

/** What firmware says where its maker had nothing to say. */
const EMPTY = /^(-|unknown|none|n\/a|default string|not specified|to be filled by o\.?e\.?m\.?)$/i;

/** As a library tells it: anything may be missing. */
type Told<T> = T extends readonly (infer Item)[]
  ? readonly Told<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]?: Told<T[Key]> | undefined }
    : T;

/** What a machine told of itself, as it is passed on: texts without control characters, of bounded length and number, and nothing that says nothing. */
export function tidyHardware(told: Told<Hardware>): Hardware {
  const { os, cpu, system, firmware } = told;
  return compact({
    os: {
      name: word(os?.name),
      version: word(os?.version),
      kernel: word(os?.kernel),
      arch: word(os?.arch),
    },
    cpu: {
      model: word(cpu?.model),
      cores: count(cpu?.cores, MAX_CORES),
      threads: count(cpu?.threads, MAX_CORES),
    },
    memoryBytes: count(told.memoryBytes),
    system: { manufacturer: word(system?.manufacturer), model: word(system?.model) },
    firmware: {
      kind: firmware?.kind,
      vendor: word(firmware?.vendor),
      version: word(firmware?.version),
    },
    virtualisation: word(told.virtualisation),
    disks: first(told.disks, MAX_DISKS).map((disk) => ({
      name: word(disk.name) ?? '?',
      model: word(disk.model),
      kind: word(disk.kind),
      sizeBytes: count(disk.sizeBytes),
    })),
    networks: first(told.networks, MAX_CARDS).map((card) => ({
      name: word(card.name) ?? '?',
      mac: word(card.mac),
      addresses: first(card.addresses, MAX_ADDRESSES).map(word),
      speedMbps: count(card.speedMbps, MAX_MBPS),
    })),
    gpus: first(told.gpus, MAX_GPUS).map((gpu) => ({
      vendor: word(gpu.vendor),
      model: word(gpu.model),
      memoryBytes: count(gpu.memoryBytes),
    })),
  });
}

/** Cut before it is cleaned, for half of a surrogate pair is no character. */
function word(text: string | undefined): string | undefined {
  if (typeof text !== 'string') return undefined;
  const clean = text.slice(0, MAX_LENGTH).replaceAll(/\p{C}/gu, '').trim();
  return clean === '' || EMPTY.test(clean) ? undefined : clean;
}

function count(
  value: number | undefined,
  maximum: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const isCount = typeof value === 'number' && value > 0 && value <= maximum;
  return isCount ? Math.round(value) : undefined;
}

function first<T>(items: readonly T[] | undefined, maximum: number): readonly T[] {
  return (items ?? []).slice(0, maximum);
}

/** Takes away what is undefined, and what holds nothing then. */
function compact(value: object): Hardware {
  return kept(value) ?? {};
}

function kept(value: unknown): unknown {
  if (Array.isArray(value)) return full(value.map(kept).filter((item) => item !== undefined));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, field]) => [name, kept(field)] as const);
  return full(Object.fromEntries(entries.filter(([, field]) => field !== undefined)));
}

function full<T extends object>(value: T): T | undefined {
  return Object.keys(value).length > 0 ? value : undefined;
}
