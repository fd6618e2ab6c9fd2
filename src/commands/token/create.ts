import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { secondsOf } from '../../cli/duration.js';
import { argument, callOptions, idempotencyFlag } from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { describeToken } from '../../cli/token-view.js';

export default class TokenCreate extends BaseCommand {
  static override summary = 'Make an access token of one’s own, for a pipeline.';
  static override description =
    'Its secret is printed this once, alone on standard output, and kept nowhere; a pipeline has it as SYNTROPY_TOKEN. It may do what its scopes say, as far as its member may.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> ci --scope nodes:read --ttl 90d',
    '<%= config.bin %> <%= command.id %> deploy --scope nodes:read --scope nodes:write --json',
  ];
  static override args = { name: argument('Name of the new token.') };
  static override flags = {
    scope: Flags.string({
      summary: 'Permission that it has, from `syntropy whoami`. May be repeated.',
      helpValue: '<permission>',
      required: true,
      multiple: true,
      multipleNonGreedy: true,
    }),
    ttl: Flags.string({ summary: 'How long it is good [default: 30d].', helpValue: '<duration>' }),
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(TokenCreate);
    const created = await this.client(flags).call(
      'tokens.create',
      given({ name: args.name, scopes: flags.scope, ttlSeconds: secondsOf(flags.ttl, 'ttl') }),
      callOptions(flags),
    );
    this.secret(describeToken(created.token), 'token', created.secret);
    return created;
  }
}
