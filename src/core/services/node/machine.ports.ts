import type { Capacity } from '../../types/models/agent.js';

/** The machine under an agent. */
export interface MachineControl {
  capacity(): Promise<Capacity>;
  /**
   * Begins to start the machine anew, which ends this process soon after it resolves.
   * @param force - without ending in order what runs there.
   * @throws {AppError} CAPABILITY_MISSING, PERMISSION_DENIED, TIMED_OUT.
   */
  restart(force: boolean): Promise<void>;
}
