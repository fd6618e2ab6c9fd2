import { BaseCommand } from '../../../cli/base-command.js';
import { confirm } from '../../../cli/confirm.js';
import { argument, callOptions, idempotencyFlag, yesFlag } from '../../../cli/flags.js';

export default class ContainerSecretRemove extends BaseCommand {
  static override summary = 'Remove a secret that no container uses.';
  static override description = 'What it was cannot be had back.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> db-password',
    '<%= config.bin %> <%= command.id %> db-password --yes --json',
  ];
  static override args = { secret: argument('Id or name of the secret.') };
  static override flags = { ...yesFlag, ...idempotencyFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerSecretRemove);
    await confirm({
      message: `Remove secret ${args.secret}? Its value cannot be had back.`,
      yes: flags.yes,
      json: this.jsonEnabled(),
    });
    const secret = await this.client(flags).call(
      'secrets.remove',
      { secret: args.secret },
      callOptions(flags),
    );
    this.log('Removed secret %s.', secret.name);
    return { secret };
  }
}
