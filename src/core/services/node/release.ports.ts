/** A file of a release of the agent, where this daemon has it. */
export interface OfferedFile {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** A release of the agent for one platform. */
export interface OfferedRelease {
  readonly version: string;
  readonly platform: string;
  readonly files: readonly OfferedFile[];
}

/** Versions of the agent that this daemon has. */
export interface AgentVersions {
  /** The version that is meant. @param asked - one, or `latest`. @throws {AppError} AGENT_RELEASE_NOT_FOUND. */
  resolve(asked: string): Promise<string>;
}

/** The releases of the agent that this daemon can give to nodes. */
export interface AgentReleases extends AgentVersions {
  /** @param version - one, or `latest`. @throws {AppError} AGENT_RELEASE_NOT_FOUND. */
  find(version: string, platform: string): Promise<OfferedRelease>;
  /** Path of the gzipped file, made when it is first asked for. @throws {AppError} AGENT_RELEASE_NOT_FOUND, DISK_FULL. */
  packed(sha256: string): Promise<string>;
}
