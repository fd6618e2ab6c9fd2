import type { NodeDetails } from '../contract/schemas/node.js';

import { formatAge, formatBytes, formatRate, formatSeconds } from './format.js';
import { formatUsage } from './history-view.js';

type Fields = readonly (readonly [string, string | undefined])[];

/** How the machine of a node fares, as it said last, and how long ago that was. */
export function sampleFields({ sample }: NodeDetails): Fields {
  if (!sample) return [];
  const { cpuPercent, temperatureCelsius, uptimeSeconds } = sample;
  const load = [sample.load1, sample.load5, sample.load15].filter((value) => value !== undefined);
  return [
    ['Measured', `${formatAge(sample.at)} ago`],
    ['CPU use', cpuPercent === undefined ? undefined : `${Math.round(cpuPercent)} %`],
    ['Load', load.map((value) => value.toFixed(2)).join(', ')],
    ['Memory use', formatUsage(sample.memoryUsedBytes, sample.memoryTotalBytes)],
    ['Swap use', formatUsage(sample.swapUsedBytes, sample.swapTotalBytes)],
    ['Disk use', formatUsage(sample.diskUsedBytes, sample.diskTotalBytes)],
    ['Network', networkUse(sample)],
    [
      'Temperature',
      temperatureCelsius === undefined ? undefined : `${Math.round(temperatureCelsius)} °C`,
    ],
    ['Up for', uptimeSeconds === undefined ? undefined : formatSeconds(uptimeSeconds)],
  ];
}

function networkUse(sample: NonNullable<NodeDetails['sample']>): string | undefined {
  const { networkRxBytesPerSecond: rx, networkTxBytesPerSecond: tx } = sample;
  if (rx === undefined || tx === undefined) return undefined;
  return `${formatRate(rx)} in, ${formatRate(tx)} out`;
}

/** What the machine of a node is made of. */
export function hardwareFields({ hardware }: NodeDetails): Fields {
  if (!hardware) return [];
  const { os, cpu, system, firmware, memoryBytes } = hardware;
  const some = (hardware.disks ?? []).map(disk);
  return [
    ['System', os && words([os.name, os.version, os.kernel && `kernel ${os.kernel}`, os.arch])],
    [
      'Processor',
      cpu &&
        words([
          cpu.model,
          cpu.cores && `${cpu.cores} cores`,
          cpu.threads && `${cpu.threads} threads`,
        ]),
    ],
    ['Memory', memoryBytes === undefined ? undefined : formatBytes(memoryBytes)],
    ['Machine', words([system?.manufacturer, system?.model])],
    [
      'Firmware',
      firmware && words([firmware.kind?.toUpperCase(), firmware.vendor, firmware.version]),
    ],
    ['Runs in', hardware.virtualisation],
    ...some.map((text, at) => [at === 0 ? 'Disks' : '', text] as const),
    ...(hardware.networks ?? []).map(
      (card, at) => [at === 0 ? 'Cards' : '', network(card)] as const,
    ),
    ...(hardware.gpus ?? []).map(
      (gpu, at) =>
        [
          at === 0 ? 'Graphics' : '',
          words([gpu.vendor, gpu.model, gpu.memoryBytes && formatBytes(gpu.memoryBytes)]),
        ] as const,
    ),
  ];
}

type Hardware = NonNullable<NodeDetails['hardware']>;

function disk({ name, model, kind, sizeBytes }: NonNullable<Hardware['disks']>[number]): string {
  return words([name, model, kind, sizeBytes && formatBytes(sizeBytes)]);
}

function network(card: NonNullable<Hardware['networks']>[number]): string {
  const { name, mac, addresses = [], speedMbps } = card;
  return words([name, mac, ...addresses, speedMbps && `${speedMbps} Mb/s`]);
}

function words(parts: readonly (string | number | undefined)[]): string {
  return parts.filter(Boolean).join(', ');
}
