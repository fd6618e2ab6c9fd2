import type { OperationOutput } from '../contract/registry.js';
import type { ContainerSpec } from '../contract/schemas/container.js';

import { differences } from './revision-view.js';
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

/**
 * What a deployment would do, for people.
 * @param before - what there is, where that is known: it is told what becomes of it, as the history will.
 */
export function describeContainerPlan(plan: Plan, before?: ContainerSpec): string {
  const { spec } = plan;
  const head = fields([
    ['Container', `${plan.name} ${TITLES[plan.action]}`],
    ['Changes', changesOf(plan, before).join(', ')],
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

/** What is no part of the spec, such as labels, is only named. */
function changesOf({ changed, spec }: Plan, before: ContainerSpec | undefined): readonly string[] {
  if (before === undefined) return changed;
  const parts = { ...before, ...spec };
  return [...differences(before, spec), ...changed.filter((name) => !Object.hasOwn(parts, name))];
}
