import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { trustedContext } from '../../cli/context-add.js';
import { addContext, knownContexts, requireFreeName } from '../../cli/context-changes.js';
import { describeContext, shownContext } from '../../cli/context-view.js';
import { argument, yesFlag } from '../../cli/flags.js';

export default class ContextAdd extends BaseCommand {
  static override summary = 'Make a daemon elsewhere known, and pin who it is.';
  static override description =
    'Connects, and unless the public authorities know the server, shows the fingerprint of its grid: compare it with `syntropy daemon status` on that host. From then on no other server is believed under this name. Scripts give the fingerprint, or a file with the authority.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> prod --url https://grid.example.org:8080',
    '<%= config.bin %> <%= command.id %> ci --url https://10.0.0.5:8080 --fingerprint "$GRID_FINGERPRINT" --json',
    '<%= config.bin %> <%= command.id %> lab --url https://lab:8080 --ca-file grid-ca.pem',
  ];
  static override args = { name: argument('Name of the new context.') };
  static override flags = {
    url: Flags.string({ summary: 'Address of the daemon.', helpValue: '<url>', required: true }),
    fingerprint: Flags.string({
      summary: 'SHA-256 of its certificate or of its authority.',
      helpValue: '<sha256>',
      exclusive: ['ca-file'],
    }),
    'ca-file': Flags.string({
      summary: 'Trust what this authority has signed, a certificate in PEM.',
      helpValue: '<file>',
    }),
    'accept-risk': Flags.option({
      summary: 'Accept a risk by its name: plaintext for http to another machine.',
      options: ['plaintext'] as const,
      multiple: true,
      multipleNonGreedy: true,
    })(),
    ...yesFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContextAdd);
    const { name } = args;
    const directory = this.clientDirectory(flags);
    requireFreeName(knownContexts(directory), name);
    const context = await trustedContext({
      name,
      url: flags.url,
      fingerprint: flags.fingerprint,
      caFile: flags['ca-file'],
      acceptRisks: flags['accept-risk'] ?? [],
      yes: flags.yes,
      json: this.jsonEnabled(),
      note: (line) => this.note(line),
    });
    await addContext(directory, name, context);
    const shown = shownContext(name, context, false);
    this.log('%s', describeContext(shown));
    this.log('Sign in with `syntropy login --context %s`.', name);
    return { context: shown };
  }
}
