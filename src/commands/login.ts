import { Flags } from '@oclif/core';

import { BaseCommand } from '../cli/base-command.js';
import { clean } from '../cli/text.js';
import { proofOf, requireRemote, signIn } from '../cli/sign-in.js';

export default class Login extends BaseCommand {
  static override summary = 'Sign in to the daemon of a context.';
  static override description =
    'The session is kept in the keychain of the system, or, where none works, in a file that only this user can read. Commands renew it by themselves. Secrets are typed or come from standard input, never from an argument; pipelines set SYNTROPY_TOKEN instead, which wins over the session.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --context prod --member ana',
    '<%= config.bin %> <%= command.id %> --context prod --invitation-stdin',
    'pass grid/ana | <%= config.bin %> <%= command.id %> --context prod --member ana --password-stdin --json',
  ];
  static override flags = {
    member: Flags.string({
      summary: 'Who signs in.',
      helpValue: '<name>',
      exclusive: ['invitation-stdin'],
    }),
    'password-stdin': Flags.boolean({
      summary: 'Read the password from standard input.',
      exclusive: ['invitation-stdin'],
    }),
    'invitation-stdin': Flags.boolean({
      summary: 'Redeem an invitation: read it, and a new password on the next line.',
    }),
    store: Flags.option({
      summary: 'Where to keep the session [default: as before, else the keychain, else a file].',
      options: ['keychain', 'file'] as const,
    })(),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Login);
    const target = requireRemote(this.target(flags));
    const proof = await proofOf(flags, this.jsonEnabled());
    const session = await signIn(target, proof, {
      store: flags.store,
      userAgent: this.config.userAgent,
      note: (line) => this.note(line),
    });
    this.log('Signed in to %s as %s.', session.context, clean(session.member.name));
    if (process.env['SYNTROPY_TOKEN']) this.note('Warning: SYNTROPY_TOKEN wins over it.');
    return { session };
  }
}
