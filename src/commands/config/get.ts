import { BaseCommand } from '../../cli/base-command.js';
import { argument } from '../../cli/flags.js';
import { readSettings, settingNamed } from '../../cli/settings.js';

export default class ConfigGet extends BaseCommand {
  static override summary = 'Show one setting.';
  static override description =
    'Prints the value in force, and nothing where there is none; --json also tells where it comes from. A secret is shown as [set].';
  static override examples = [
    '<%= config.bin %> <%= command.id %> log.level',
    '<%= config.bin %> <%= command.id %> publicUrl --json',
  ];
  static override args = { key: argument('Key of the setting, such as log.level.') };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ConfigGet);
    const setting = settingNamed(await readSettings(this.localPaths(flags)), args.key);
    if (setting.value !== undefined) this.log(String(setting.value));
    return { setting };
  }
}
