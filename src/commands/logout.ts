import { BaseCommand } from '../cli/base-command.js';
import { requireRemote, signOut } from '../cli/sign-in.js';

export default class Logout extends BaseCommand {
  static override summary = 'Sign out: end the session at the daemon, and forget it here.';
  static override description =
    'It is forgotten here also where the daemon cannot be told. Nobody who is signed in is no failure.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --context prod --json',
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(Logout);
    const target = requireRemote(this.target(flags));
    const ended = await signOut(target, (line) => this.note(line));
    this.log(ended ? 'Signed out of %s.' : 'Nobody is signed in to %s.', target.name);
    return { session: { context: target.name, ended } };
  }
}
