import type { OperationOutput } from '../contract/registry.js';

import { formatBytes } from './format.js';
import { fields } from './table.js';

export type NodePlan = OperationOutput<'nodes.plan'>;

/** What would be written where, and what would be lost by it. */
export function describePlan(plan: NodePlan): string {
  const { drive, image } = plan;
  const size = image.imageBytes === undefined ? '' : `, ${formatBytes(image.imageBytes)}`;
  const lines = fields([
    ['Node', plan.action === 'retry' ? `${plan.name} (again, after its stick failed)` : plan.name],
    ['Image', `${image.source} (${image.format}${size})`],
    ['Drive', drive && `${drive.path}, ${formatBytes(drive.sizeBytes)}`],
    ['Model', drive && [drive.vendor, drive.model].filter(Boolean).join(' ')],
    ['Serial', drive?.serial],
    ['File', plan.output],
    ['Identity', plan.identityFiles.join(', ') || 'none'],
    ['Daemon', plan.daemonUrl],
  ]);
  const lost = (drive?.partitions ?? []).map((partition) => {
    const what = [partition.filesystem, partition.label && `"${partition.label}"`];
    const where =
      partition.mountpoints.length > 0 ? ` mounted at ${partition.mountpoints.join(', ')}` : '';
    return `  ${partition.path}  ${formatBytes(partition.sizeBytes)}  ${what.filter(Boolean).join(' ')}${where}`;
  });
  return lost.length === 0 ? lines : `${lines}\nEverything on it will be lost:\n${lost.join('\n')}`;
}

/** The stick that was shown, so that another one in its place is refused. */
export function expectation({ drive }: NodePlan) {
  if (!drive) return undefined;
  const { sizeBytes, serial, byId } = drive;
  return {
    sizeBytes,
    ...(serial === undefined ? {} : { serial }),
    ...(byId === undefined ? {} : { byId }),
  };
}
