import { BaseCommand } from '../cli/base-command.js';
import { runChecks } from '../cli/checks.js';

export default class Doctor extends BaseCommand {
  static override summary = 'Look for what keeps Syntropy from working here.';
  static override description =
    'Checks runtime, state directory, configuration, daemon, versions, database, unpackers and drives. Changes nothing. Ends with status 1 when a check has failed; a warning is no failure.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(Doctor);
    const checks = await runChecks({
      client: this.client(flags),
      paths: this.paths(flags),
      context: this.target(flags).name,
      version: this.config.version,
    });
    for (const { name, status, message, hint } of checks) {
      this.log('%s', `${status.padEnd(8)} ${name}: ${message}`);
      if (status !== 'ok' && hint) this.log('%s', `         ${hint}`);
    }
    if (checks.some(({ status }) => status === 'failed')) process.exitCode = 1;
    return { checks };
  }
}
