import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { cancelOnInterrupt } from '../../cli/cancel-on-interrupt.js';
import { confirm } from '../../cli/confirm.js';
import { createFlags } from '../../cli/create-flags.js';
import { createRequest } from '../../cli/create-request.js';
import {
  callOptions,
  idempotencyFlag,
  progressFlag,
  timeoutFlag,
  yesFlag,
} from '../../cli/flags.js';
import {
  followOperation,
  orLostStick,
  requireSuccess,
  waitOptions,
} from '../../cli/follow-operation.js';
import { describePlan, expectation } from '../../cli/plan-view.js';
import { describeNode } from '../../cli/node-view.js';

/** Hashing a large image for its checksum happens before the answer. */
const PLAN_TIMEOUT_MS = 15 * 60_000;

export default class NodeCreate extends BaseCommand {
  static override summary = 'Make a node: register it and write its USB stick, or an image file.';
  static override description =
    'Shows what will be lost and asks first. Every written byte is read back before success is said. The same command after a failure goes on with the same node.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --usb /dev/sdb --name node-01',
    '<%= config.bin %> <%= command.id %> --output ./node-01.img --name node-01 --daemon-url https://grid.example.org:8080',
    '<%= config.bin %> <%= command.id %> --usb /dev/sdb --name node-01 --image debian.img.xz --yes --json --progress json',
    '<%= config.bin %> <%= command.id %> --usb /dev/sdb --name node-01 --owner ana --dry-run',
  ];
  static override flags = {
    ...createFlags,
    'dry-run': Flags.boolean({
      summary: 'Run every check, tell what would happen, touch nothing.',
    }),
    detach: Flags.boolean({ summary: 'Return as soon as the write has begun.' }),
    ...yesFlag,
    ...progressFlag,
    ...timeoutFlag,
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(NodeCreate);
    const client = this.client(flags);
    const request = await createRequest(flags);
    const long = { timeoutMs: PLAN_TIMEOUT_MS };
    // A retry is answered as the first time, when the plan would refuse the name and the file that it made.
    const isRetryable =
      flags['idempotency-key'] !== undefined && (flags.yes || flags.usb === undefined);
    const plan =
      isRetryable && !flags['dry-run'] ? undefined : await client.call('nodes.plan', request, long);
    for (const warning of plan?.warnings ?? []) this.note(`Warning: ${warning}`);
    if (plan && flags['dry-run']) {
      this.log('%s\nNothing was written (--dry-run).', describePlan(plan));
      return { plan };
    }
    if (plan?.drive && !flags.yes) {
      this.note(describePlan(plan));
      await confirm({ message: `Write ${plan.drive.path}?`, yes: false, json: this.jsonEnabled() });
    }
    const expect = plan && expectation(plan);
    const target = { ...request.target, ...(expect === undefined ? {} : { expect }) };
    const begun = await client.call(
      'nodes.create',
      { ...request, target },
      { ...callOptions(flags), ...long },
    );
    if (!plan) for (const warning of begun.warnings) this.note(`Warning: ${warning}`);
    const { id } = begun.operation;
    if (flags.detach) {
      this.log(`Writing ${flags.usb ?? flags.output} for ${begun.node.name}: operation ${id}.`);
      return { node: begun.node, operation: begun.operation };
    }
    const operation = requireSuccess(
      await orLostStick(
        cancelOnInterrupt(client, id, () =>
          followOperation(client, id, waitOptions(flags, this.jsonEnabled())),
        ),
      ),
    );
    const node = await client.call('nodes.get', { node: begun.node.id });
    this.log('%s', describeNode(node));
    return { node, operation };
  }
}
