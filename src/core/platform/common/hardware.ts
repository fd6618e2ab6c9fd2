import type { Systeminformation } from 'systeminformation';

import type { Hardware } from '../../types/models/hardware.js';

import { tidyHardware } from '../../utils/tidy-hardware.js';

/** A part that takes longer is left out: a broken drive can hold a question up for minutes. */
const PART_TIMEOUT_MS = 10_000;

/**
 * What this machine is made of. Each part is asked for by itself, and one that fails or does not answer in time is left out. Starts
 * programs of the system, and costs some ten megabytes that do not come back: for a process that ends soon.
 */
export async function readHardware(): Promise<Hardware> {
  const { default: si } = await import('systeminformation');
  const [os, cpu, memory, system, bios, disks, networks, graphics] = await Promise.all([
    part(si.osInfo()),
    part(si.cpu()),
    part(si.mem()),
    part(si.system()),
    part(si.bios()),
    part(si.diskLayout()),
    part(si.networkInterfaces()),
    part(si.graphics()),
  ]);
  return tidyHardware({
    os: os && { name: os.distro, version: os.release, kernel: os.kernel, arch: os.arch },
    cpu: cpu && {
      model: [cpu.manufacturer, cpu.brand].filter(Boolean).join(' '),
      cores: cpu.physicalCores,
      threads: cpu.cores,
    },
    memoryBytes: memory?.total,
    system: system && { manufacturer: system.manufacturer, model: system.model },
    firmware: {
      // It is also not UEFI where the board has no BIOS either.
      kind: os?.uefi === true ? 'uefi' : firmwareOf(bios),
      vendor: bios?.vendor,
      version: bios?.version,
    },
    virtualisation: system?.virtual === true ? system.virtualHost || 'virtual' : undefined,
    disks: disks?.map((disk) => ({
      name: disk.device,
      model: disk.name,
      kind: disk.type,
      sizeBytes: disk.size,
    })),
    networks: [networks ?? []].flat().filter(isCard).map(card),
    gpus: graphics?.controllers.map((gpu) => ({
      vendor: gpu.vendor,
      model: gpu.model,
      memoryBytes: typeof gpu.vram === 'number' ? gpu.vram * 2 ** 20 : undefined,
    })),
  });
}

async function part<T>(asked: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), PART_TIMEOUT_MS);
  try {
    return await Promise.race([asked.catch(() => undefined), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function firmwareOf(bios: Systeminformation.BiosData | undefined): 'bios' | undefined {
  return bios?.vendor ? 'bios' : undefined;
}

/** Bridges, and one end of the cable of each container, come and go and are no hardware. */
function isCard(network: Systeminformation.NetworkInterfacesData): boolean {
  return !network.internal && !network.virtual && !/^(veth|br-|docker|virbr)/.test(network.iface);
}

function card(network: Systeminformation.NetworkInterfacesData) {
  return {
    name: network.iface,
    mac: network.mac,
    addresses: [network.ip4, network.ip6].filter(Boolean),
    speedMbps: network.speed ?? undefined,
  };
}
