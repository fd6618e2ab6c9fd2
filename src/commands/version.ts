import { BaseCommand } from '../cli/base-command.js';
import { CLIENT_API_VERSION } from '../cli/versions.js';

export default class Version extends BaseCommand {
  static override summary = 'Show the version of this command.';
  static override description = 'That of the daemon is in `syntropy daemon status`.';
  static override examples = ['<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    await this.parse(Version);
    this.log(this.config.userAgent);
    const { version, arch, platform } = this.config;
    const apiVersion = CLIENT_API_VERSION;
    return { version: { version, apiVersion, node: process.versions.node, platform, arch } };
  }
}
