import { BaseCommand } from '../../../cli/base-command.js';
import { argument, callOptions, idempotencyFlag } from '../../../cli/flags.js';
import { nodeTokenId } from '../../../cli/node-token-view.js';

export default class NodeTokenRevoke extends BaseCommand {
  static override summary = 'Revoke a token that machines join with; those that have joined stay.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0198c0de',
    '<%= config.bin %> <%= command.id %> 0198c0de-5f5e-4a0c-9a52-3e1f2f1c0a11 --json',
  ];
  static override args = { token: argument('Id of the token, or how it begins.') };
  static override flags = idempotencyFlag;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeTokenRevoke);
    const client = this.client(flags);
    const id = await nodeTokenId(client, args.token);
    const nodeToken = await client.call('nodeTokens.revoke', { nodeToken: id }, callOptions(flags));
    this.log('Revoked token %s.', nodeToken.id);
    return { nodeToken };
  }
}
