import { BaseCommand } from '../../cli/base-command.js';
import { operationArgument, progressFlag, timeoutFlag } from '../../cli/flags.js';
import { followOperation, requireSuccess, waitOptions } from '../../cli/follow-operation.js';
import { describeOperation } from '../../cli/operation-view.js';

export default class OperationWait extends BaseCommand {
  static override summary = 'Wait until an operation has ended.';
  static override description =
    'Ends with status 0 when it succeeded, with that of its failure when it failed, and with 7 when --timeout has passed; the operation then goes on.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0198c0de-5f5e-4a0c-9a52-3e1f2f1c0a11 --timeout 10m',
    '<%= config.bin %> <%= command.id %> 0198c0de-5f5e-4a0c-9a52-3e1f2f1c0a11 --progress json --json',
  ];
  static override args = operationArgument;
  static override flags = { ...timeoutFlag, ...progressFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(OperationWait);
    const options = waitOptions(flags, this.jsonEnabled());
    const operation = requireSuccess(
      await followOperation(this.client(flags), args.operation, options),
    );
    this.log('%s', describeOperation(operation));
    return { operation };
  }
}
