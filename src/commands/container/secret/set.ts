import { Flags } from '@oclif/core';

import { BaseCommand } from '../../../cli/base-command.js';
import { argument, callOptions, idempotencyFlag } from '../../../cli/flags.js';
import { secretValue } from '../../../cli/secret-value.js';

export default class ContainerSecretSet extends BaseCommand {
  static override summary = 'Set a secret, which containers find as a file.';
  static override description =
    'The value is read from standard input, or asked for on a terminal; it is never an argument, which every process here could read. One line feed at the end of standard input is left out, unless --raw is said; a file is taken as it is. Up to 64 KiB of any bytes. Containers that use it get another value when they are made anew.';
  static override examples = [
    'echo "$PASSWORD" | <%= config.bin %> <%= command.id %> db-password',
    '<%= config.bin %> <%= command.id %> tls-key --from-file ./key.pem --json',
  ];
  static override args = { name: argument('Name of the secret.') };
  static override flags = {
    'from-file': Flags.string({
      summary: 'Take the content of a file, as it is.',
      helpValue: '<file>',
      exclusive: ['raw'],
    }),
    raw: Flags.boolean({ summary: 'Take standard input as it is, with its last line feed.' }),
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerSecretSet);
    const value = await secretValue(flags, this.jsonEnabled());
    const secret = await this.client(flags).call(
      'secrets.set',
      { name: args.name, base64: value.toString('base64') },
      callOptions(flags),
    );
    const users = secret.usedBy.map(({ name }) => name).join(', ');
    this.log(`Set secret ${secret.name} (${value.length} bytes).`);
    if (users !== '') {
      this.note(`Used by ${users}: \`container restart\` gives them the new value.`);
    }
    return { secret };
  }
}
