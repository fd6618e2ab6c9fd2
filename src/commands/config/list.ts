import { BaseCommand } from '../../cli/base-command.js';
import { readSettings } from '../../cli/settings.js';
import { table } from '../../cli/table.js';

export default class ConfigList extends BaseCommand {
  static override summary = 'List every setting, its value and where that comes from.';
  static override description =
    'A flag of `daemon start` wins over the environment, that over the file, that over the default. Shown is what a daemon would read if this user started it here and now; secrets are shown as [set].';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(ConfigList);
    const paths = this.localPaths(flags);
    const settings = await readSettings(paths);
    const columns = [
      { title: 'KEY', value: (setting: (typeof settings)[number]) => setting.key },
      {
        title: 'VALUE',
        value: (setting: (typeof settings)[number]) => String(setting.value ?? ''),
      },
      { title: 'SOURCE', value: (setting: (typeof settings)[number]) => setting.source },
      { title: 'ENVIRONMENT', value: (setting: (typeof settings)[number]) => setting.env },
    ];
    this.log(await table(columns, settings));
    return { settings, file: paths.configFile };
  }
}
