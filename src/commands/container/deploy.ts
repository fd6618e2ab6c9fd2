import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { changeFlags, imageFlag, placeFlags, specFlags } from '../../cli/container-flags.js';
import { describeContainerPlan } from '../../cli/container-plan-view.js';
import { deployRequest } from '../../cli/container-request.js';
import { publishedAt, summaryOf } from '../../cli/container-view.js';
import { callOptions } from '../../cli/flags.js';
import { withPayer } from '../../cli/payer.js';
import { settledContainer, waitingOf } from '../../cli/wait-for-container.js';
import { wordsAfterDashes } from '../../cli/words-after.js';

export default class ContainerDeploy extends BaseCommand {
  static override summary = 'Run a container on nodes of the grid.';
  static override description =
    'Without --node and --selector it is placed where there is room. It runs without rights that most programs never need: no capabilities, a read-only root file system with /tmp, /run and /var/tmp to write to, and limits; what gives some of that up needs a permission. With --wait it ends when every replica runs and is healthy, or fails with what the container said last. Words after -- are arguments for the program, as --arg is. Memory is in powers of 1024 as 256m or 256MiB, of 1000 as 256MB.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --image nginxinc/nginx-unprivileged:1.27 --name web --node node-01 --publish 8080:8080',
    '<%= config.bin %> <%= command.id %> --image nginx:1.27 --publish 8080:80 --writable-root --cap-add CHOWN,SETGID,SETUID,DAC_OVERRIDE',
    '<%= config.bin %> <%= command.id %> --image registry.example.org/api:2 --name api --replicas 3 --selector site=attic --cpus 0.5 --memory 256MiB',
    '<%= config.bin %> <%= command.id %> --image postgres:17 --memory 512MiB --volume data:/var/lib/postgresql/data --cap-add CHOWN,SETGID,SETUID,DAC_OVERRIDE,FOWNER --secret db-password --env POSTGRES_PASSWORD_FILE=/run/secrets/db-password',
    '<%= config.bin %> <%= command.id %> --image busybox --name job --restart no -- sh -c "echo done"',
    '<%= config.bin %> <%= command.id %> --image nginxinc/nginx-unprivileged --dry-run --json',
  ];
  static override strict = false;
  static override flags = {
    image: Flags.string({ ...imageFlag, required: true }),
    name: Flags.string({
      summary: 'Name, a DNS label [default: the last part of the image’s name].',
      helpValue: '<name>',
    }),
    ...specFlags,
    ...placeFlags,
    'dry-run': Flags.boolean({
      summary: 'Run every check, tell what would happen, change nothing.',
    }),
    ...changeFlags,
  };

  async run(): Promise<object> {
    const { flags, raw } = await this.parse(ContainerDeploy);
    const waiting = waitingOf(flags);
    const client = this.client(flags);
    const json = this.jsonEnabled();
    const request = await deployRequest(flags, wordsAfterDashes(raw, this.argv, 0));
    const mayAsk = !json && flags['idempotency-key'] === undefined;
    if (flags['dry-run']) {
      const plan = await withPayer(
        client,
        request,
        (input) => client.call('containers.plan', input),
        mayAsk,
      );
      for (const warning of plan.warnings) this.note(`Warning: ${warning}`);
      this.log('%s\nNothing was changed (--dry-run).', describeContainerPlan(plan));
      return { plan };
    }
    if (flags.name === undefined) this.note(`Its name is ${request.name}, after its image.`);
    const told = await withPayer(
      client,
      request,
      (input) => client.call('containers.deploy', input, callOptions(flags)),
      mayAsk,
    );
    const container = await settledContainer(client, told, { waiting, aim: 'running', json });
    this.log('%s', [summaryOf(container), ...publishedAt(container)].join('\n'));
    return { container };
  }
}
