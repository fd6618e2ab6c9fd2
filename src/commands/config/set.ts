import { Args, Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { argument } from '../../cli/flags.js';
import { changeSetting } from '../../cli/settings.js';

export default class ConfigSet extends BaseCommand {
  static override summary = 'Change one setting in the configuration file.';
  static override description =
    'A running daemon reads it at its next start. With --stdin the value is read from standard input, so that a secret is in no list of processes and in no history.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> log.level debug',
    '<%= config.bin %> <%= command.id %> log.level --unset',
    '<%= config.bin %> <%= command.id %> database.url --stdin < secret.txt',
  ];
  static override args = {
    key: argument('Key of the setting, such as log.level.'),
    value: Args.string({ description: 'New value.', ignoreStdin: true }),
  };
  static override flags = {
    unset: Flags.boolean({ summary: 'Remove it from the file.', exclusive: ['stdin'] }),
    stdin: Flags.boolean({ summary: 'Read the value from standard input.' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ConfigSet);
    const paths = this.localPaths(flags);
    const setting = await changeSetting(paths, args.key, {
      value: args.value,
      unset: flags.unset,
      stdin: flags.stdin,
    });
    this.log(
      setting.source === 'environment'
        ? `Saved in ${paths.configFile}, but ${setting.env} in the environment wins over it.`
        : `Saved in ${paths.configFile}. A running daemon reads it at its next start.`,
    );
    return { setting, file: paths.configFile };
  }
}
