import { Flags } from '@oclif/core';

import { appText, readApp } from '../../cli/app-file/read.js';
import {
  appliedColumns,
  applyAll,
  orphansOf,
  planAll,
  removeAll,
  ownSpecs,
} from '../../cli/apply-app.js';
import { BaseCommand } from '../../cli/base-command.js';
import { confirm } from '../../cli/confirm.js';
import { changeFlags } from '../../cli/container-flags.js';
import { describeContainerPlan } from '../../cli/container-plan-view.js';
import { knownName } from '../../cli/container-words.js';
import { yesFlag } from '../../cli/flags.js';
import { table } from '../../cli/table.js';
import { settledContainer, waitingOf } from '../../cli/wait-for-container.js';
import { AppError } from '../../core/types/errors/app-error.js';

export default class ContainerApply extends BaseCommand {
  static override summary = 'Make containers what a file in the Compose format says.';
  static override description = `Each service becomes a container <name>-<service> with the label app=<name>; one that has that name and not that label is not taken over. Without a name in the file a service is the container of its own name, whoever made it. Each service is checked by itself before anything is changed; whether there is room for all of them together shows as they are made, one after the other.

The file may hold name, services, volumes (names), secrets (names of secrets that were set) and x-… for anchors. A service may hold image, command, entrypoint, environment, env_file, secrets, ports (short form), volumes (short form), labels, restart, healthcheck, user, cap_add, read_only (true unless said), working_dir, stop_grace_period, pull_policy; deploy with replicas, resources.limits.cpus and .memory, placement.constraints (node.labels.<key>==<value>, node==<name>), update_config.order, restart_policy.condition and .max_attempts; and x-syntropy with node, payFrom, lostAfter, registryAuth. Anything else is refused, with its line. \${NAME}, \${NAME:-default}, \${NAME:?why} and $$ are as Compose has them, with variables of the environment: a file .env is not read. In an env_file no variable is replaced; a value that holds one is refused unless it stands in single quotes.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> --file app.yaml',
    '<%= config.bin %> <%= command.id %> -f app.yaml --prune --yes --wait --json',
    'sed s/1.27/1.28/ app.yaml | <%= config.bin %> <%= command.id %> -f - --dry-run',
  ];
  static override flags = {
    file: Flags.string({
      char: 'f',
      summary: 'The file, or - for standard input.',
      required: true,
      helpValue: '<file>',
    }),
    prune: Flags.boolean({ summary: 'Remove containers of this app that are not in the file.' }),
    'dry-run': Flags.boolean({
      summary: 'Run every check, tell what would happen, change nothing.',
    }),
    ...yesFlag,
    ...changeFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(ContainerApply);
    const waiting = waitingOf(flags);
    const client = this.client(flags);
    const json = this.jsonEnabled();
    const app = await readApp({ ...(await appText(flags.file)), variables: process.env });
    for (const warning of app.warnings) this.note(`Warning: ${warning}`);
    if (flags.prune && app.name === undefined) {
      throw new AppError('USAGE_INVALID', '--prune needs a name in the file.', { flag: '--prune' });
    }
    const plans = await planAll(client, app.containers);
    const specs = await ownSpecs(client, app.name, plans);
    for (const { name, warnings } of plans) {
      for (const warning of warnings) this.note(`Warning: ${name}: ${warning}`);
    }
    const orphans =
      flags.prune && app.name !== undefined
        ? await orphansOf(client, app.name, app.containers)
        : [];
    const names = orphans.map(({ name }) => name);
    if (flags['dry-run']) {
      const left = names.length === 0 ? [] : [`Would be removed: ${names.join(', ')}`];
      const shown = [
        ...plans.map((plan) => describeContainerPlan(plan, specs.get(plan.name))),
        ...left,
      ];
      this.log('%s\n\nNothing was changed (--dry-run).', shown.join('\n\n'));
      return { plans, removed: names };
    }
    if (names.length > 0) {
      const message = `Remove ${names.join(', ')}? Their volumes stay.`;
      await confirm({ message, yes: flags.yes, json });
    }
    const applied = [...(await applyAll(client, app.containers, flags))];
    const removed = await removeAll(client, orphans, flags);
    for (const [index, { container, outcome }] of applied.entries()) {
      const settled = await settledContainer(client, container, { waiting, aim: 'running', json });
      applied[index] = { container: settled, outcome };
    }
    this.log('%s', await table(appliedColumns, applied));
    for (const one of removed) this.log(`Removed container ${knownName(one)}.`);
    return { containers: applied, removed };
  }
}
