import { BaseCommand } from '../../cli/base-command.js';
import { operationArgument } from '../../cli/flags.js';
import { describeOperation } from '../../cli/operation-view.js';

export default class OperationShow extends BaseCommand {
  static override summary = 'Show one operation: how far it is, or how it ended.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0198c0de-5f5e-4a0c-9a52-3e1f2f1c0a11',
  ];
  static override args = operationArgument;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(OperationShow);
    const operation = await this.client(flags).call('operations.get', {
      operation: args.operation,
    });
    this.log('%s', describeOperation(operation));
    return { operation };
  }
}
