/** How the agent of a machine is to be started by its system. */
export interface AgentServiceSpec {
  /** What starts the agent's current release, and its arguments. */
  readonly command: readonly string[];
  /** The agent has something to do only while this file is there. */
  readonly membershipFile: string;
}

/** The service manager of a machine. */
export interface AgentServiceHost {
  /** What would be installed, as text. */
  describe(template: string, spec: AgentServiceSpec): string;
  /**
   * Installs the agent as a service of the system, which starts it at each start of the machine. Not yet now.
   * @throws {AppError} PERMISSION_DENIED, AGENT_FAILED.
   */
  install(text: string): Promise<{ readonly unitFile: string }>;
  /** Starts it now, anew if it runs. Answers whether this system runs services at all. @throws {AppError} AGENT_FAILED. */
  start(): Promise<boolean>;
  /** Whether it runs, by this system. */
  isRunning(): Promise<boolean>;
  /** Stops it and takes it away. @throws {AppError} PERMISSION_DENIED, AGENT_NOT_INSTALLED, AGENT_FAILED. */
  uninstall(): Promise<{ readonly unitFile: string }>;
  /** Lets a service that has done its work start no more. Nothing when there is none. */
  disable(unit: string): Promise<void>;
}
