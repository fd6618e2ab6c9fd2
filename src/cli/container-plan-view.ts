import type { OperationOutput } from '../contract/registry.js';

import { formatBinary } from './format.js';
import { formatPort } from './ports.js';
import { fields } from './table.js';
import { cleanLine } from './text.js';
import { formatVolume } from './volumes.js';

type Plan = OperationOutput<'containers.plan'>;

const TITLES: Readonly<Record<Plan['action'], string>> = {
  create: 'would be deployed',
  update: 'would be changed',
  none: 'is as it is asked for',
};

/** What a deployment would do, for people. */
export function describeContainerPlan(plan: Plan): string {
  const { spec } = plan;
  const head = fields([
    ['Container', `${plan.name} ${TITLES[plan.action]}`],
    ['Changes', plan.changed.join(', ')],
    ['Image', spec.image],
    ['Replicas', String(plan.replicas)],
    ['Limits', `${spec.cpuMillis / 1_000} cores, ${formatBinary(spec.memoryBytes)} memory each`],
    ['Ports', spec.ports.map(formatPort).join(', ')],
    ['Volumes', spec.volumes.map(formatVolume).join(', ')],
    ['Secrets', spec.secrets.map(({ name }) => name).join(', ')],
    ['Places', plan.placements.map(({ replica, node }) => `${replica} on ${node.name}`).join(', ')],
    ['Given up', plan.unconfined.join(', ')],
    ['Paid from', plan.payFrom.name],
  ]);
  const passed = plan.rejections.map(({ node, code, message }) =>
    cleanLine(`  ${node.name}: ${message} [${code}]`),
  );
  return [
    head,
    ...(passed.length > 0 ? ['Passed over:', ...passed.map((line) => `  ${line}`)] : []),
  ].join('\n');
}
