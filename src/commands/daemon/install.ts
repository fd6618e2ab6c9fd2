import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { installService } from '../../cli/system-service.js';
import { systemdUnit } from '../../cli/systemd-unit.js';

export default class DaemonInstall extends BaseCommand {
  static override summary = 'Install the daemon as a service of this system.';
  static override description =
    'Writes the systemd unit, enables and starts it. From then on, commands of every member of the group `syntropy` talk to this daemon unless --state-dir says otherwise. Needs root; --dry-run shows the unit and needs nothing.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    'sudo <%= config.bin %> <%= command.id %> --create-group',
  ];
  static override flags = {
    'create-group': Flags.boolean({ summary: 'Create the group `syntropy` if there is none.' }),
    'dry-run': Flags.boolean({ summary: 'Only show the unit.' }),
    'no-start': Flags.boolean({ summary: 'Do not enable and start it.' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(DaemonInstall);
    const programs = { node: process.execPath, installation: this.installation };
    if (flags['dry-run']) {
      const unit = await systemdUnit(programs);
      this.log('%s', unit.trimEnd());
      return { unit };
    }
    const service = await installService(programs, {
      createGroup: flags['create-group'],
      start: !flags['no-start'],
    });
    this.log(
      service.started
        ? `Installed ${service.unitFile} and started it.`
        : `Installed ${service.unitFile}. Start it with \`systemctl enable --now syntropy\`.`,
    );
    this.log(
      `Members of the group ${service.group} may use it: usermod -aG ${service.group} <user>`,
    );
    return { service };
  }
}
