import { BaseCommand } from '../../cli/base-command.js';
import { callOptions, idempotencyFlag, operationArgument } from '../../cli/flags.js';

export default class OperationCancel extends BaseCommand {
  static override summary = 'Ask a running operation to stop.';
  static override description =
    'Returns at once; wait for its end with `operation wait`. A stick that was being written is unusable until it is written again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0198c0de-5f5e-4a0c-9a52-3e1f2f1c0a11',
  ];
  static override args = operationArgument;
  static override flags = idempotencyFlag;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(OperationCancel);
    const operation = await this.client(flags).call('operations.cancel', args, callOptions(flags));
    this.log('Asked operation %s to stop.', operation.id);
    return { operation };
  }
}
