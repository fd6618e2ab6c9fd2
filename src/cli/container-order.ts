import type { SyntropyClient } from '../client/client.js';
import type { ContainerDetails } from '../contract/schemas/container.js';
import type { TargetFlags } from './target.js';

import { BaseCommand } from './base-command.js';
import { summaryOf } from './container-view.js';
import { callOptions } from './flags.js';
import { type Aim, settledContainer, type WaitFlags, waitingOf } from './wait-for-container.js';

type OrderFlags = TargetFlags & WaitFlags & Parameters<typeof callOptions>[0];
type Call = (
  client: SyntropyClient,
  options: ReturnType<typeof callOptions>,
) => Promise<ContainerDetails>;

/** Base of the commands that tell a container that there is what to do: one call, what comes of it, and a line about that. */
export abstract class ContainerOrder extends BaseCommand {
  /** @throws {AppError} as the call and `settledContainer`. */
  protected async order(
    flags: OrderFlags,
    aim: Aim,
    call: Call,
  ): Promise<{ container: ContainerDetails }> {
    const waiting = waitingOf(flags);
    const client = this.client(flags);
    const told = await call(client, callOptions(flags));
    const container = await settledContainer(client, told, {
      waiting,
      aim,
      json: this.jsonEnabled(),
    });
    this.log('%s', summaryOf(container));
    return { container };
  }
}
