import { BaseCommand } from '../../cli/base-command.js';
import { confirm } from '../../cli/confirm.js';
import { yesFlag } from '../../cli/flags.js';
import { uninstallService } from '../../cli/system-service.js';

export default class DaemonUninstall extends BaseCommand {
  static override summary = 'Remove the service of this system.';
  static override description =
    'Stops the system daemon and removes its systemd unit. Its state in /var/lib/syntropy and the group `syntropy` stay. Needs root.';
  static override examples = ['sudo <%= config.bin %> <%= command.id %> --yes'];
  static override flags = yesFlag;

  async run(): Promise<object> {
    const { flags } = await this.parse(DaemonUninstall);
    await confirm({
      message: 'Stop the system daemon and remove its unit? Its state stays.',
      yes: flags.yes,
      json: this.jsonEnabled(),
    });
    const service = await uninstallService();
    this.log(`Removed ${service.unitFile}. The state in /var/lib/syntropy is still there.`);
    return { service };
  }
}
