import type { Capacity } from '../../types/models/agent.js';
import type { Hardware } from '../../types/models/hardware.js';
import type { Ailment } from '../../utils/node-ailments.js';

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

/** The machines behind nodes, as they are stored. What is told by a session that is no longer its node's changes nothing. */
export interface MachineStore {
  /** Notes what is wrong with the machine, or that nothing is: its node is degraded then, or online unless it comes and goes. */
  ail(sessionId: string, ailments: readonly Ailment[]): Promise<void>;
  /** Notes what the machine is made of. */
  describe(sessionId: string, hardware: Hardware): Promise<void>;
  /** Calls those online that have stopped coming and going. Answers how many. */
  settle(): Promise<number>;
  hardware(nodeId: string): Promise<Hardware | undefined>;
}
