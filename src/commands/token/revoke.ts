import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { argument, callOptions, idempotencyFlag } from '../../cli/flags.js';
import { tokenId } from '../../cli/token-id.js';

export default class TokenRevoke extends BaseCommand {
  static override summary = 'Revoke an access token: it is refused everywhere within seconds.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> ci',
    '<%= config.bin %> <%= command.id %> 0198c0de-5f5e-4a0c-9a52-3e1f2f1c0a11 --json',
    '<%= config.bin %> <%= command.id %> ci --member ana',
  ];
  static override args = { token: argument('Id or name of the token.') };
  static override flags = {
    member: Flags.string({
      summary: 'Whose token the name is; the caller’s own otherwise.',
      helpValue: '<member>',
    }),
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(TokenRevoke);
    const client = this.client(flags);
    const id = await tokenId(client, args.token, flags.member);
    const token = await client.call('tokens.revoke', { token: id }, callOptions(flags));
    this.log('Revoked token %s of %s.', token.name, token.member.name);
    return { token };
  }
}
