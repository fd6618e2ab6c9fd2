import type { RunSpec } from '../../../services/container/runtime.ports.js';
import type { NodeEngine } from '../../../types/models/container.js';

/** What engines that speak the same API say in different ways. Everything else that is in this folder holds for all of them. */
export interface Dialect {
  readonly kind: NodeEngine['kind'];
  /**
   * Whether following a log leaves out what comes late: then it is read to its end first, followed, and read once more after the container has ended
   * (https://github.com/containers/podman/issues/21914).
   */
  readonly followLoses: boolean;
  /** Whether a long line comes in pieces of one size and one time (Docker). Elsewhere pieces have times and sizes of their own, and only an end ends a line. */
  readonly hasPieces: boolean;
  /** Whether containers go on without the engine, as its own word on it is. */
  survivesEngine(isLiveRestoreEnabled: boolean): boolean;
  /** Files of bounded size. */
  logConfig(log: RunSpec['log']): {
    readonly Type: string;
    readonly Config: Readonly<Record<string, string>>;
  };
  /** Whether a registry can be asked for an image without fetching it (`/distribution`). Where it cannot, fetching asks it each time. */
  readonly asksRegistry: boolean;
  /** Whether a refusal to make a container says that its name is taken. */
  isNameTaken(status: number, message: string): boolean;
  /** Whether a refusal says that the container is not there, or no more. */
  isGone(status: number, message: string): boolean;
  /** Whether a refusal to remove a container says that something else is being done to it, which will be over soon. */
  isBusy(status: number, message: string): boolean;
  /** Whether a refusal says that the container does not run. */
  isNotRunning(status: number, message: string): boolean;
  /** The container that a refusal to list says to be known and not to be there: for that one, it lists none. */
  halfRemoved(message: string): string | undefined;
  /** How the output of a command that could not be run begins, in the place of any of its own. */
  readonly cannotRun: RegExp;
}

export const docker: Dialect = {
  kind: 'docker',
  followLoses: false,
  hasPieces: true,
  survivesEngine: (isLiveRestoreEnabled) => isLiveRestoreEnabled,
  logConfig: ({ maxBytes, files }) => ({
    Type: 'json-file',
    Config: { 'max-size': String(maxBytes), 'max-file': String(files) },
  }),
  asksRegistry: true,
  isNameTaken: (status) => status === 409,
  isGone: (status) => status === 404,
  isBusy: (status) => status === 409,
  isNotRunning: (status) => status === 409,
  halfRemoved: () => undefined,
  cannotRun: /^(?:OCI runtime exec failed|failed to create shim|unable to)/,
};

export const podman: Dialect = {
  kind: 'podman',
  followLoses: true,
  hasPieces: false,
  // Each container has a minder of its own (conmon).
  survivesEngine: () => true,
  // It keeps one file, and begins it anew when it is full.
  logConfig: ({ maxBytes, files }) => ({
    Type: 'k8s-file',
    Config: { 'max-size': String(maxBytes * files) },
  }),
  asksRegistry: false,
  isNameTaken: (status, message) => status >= 409 && /name .*is (?:already )?in use/.test(message),
  // It fails over one that is removed while it looks.
  isGone: (status, message) =>
    status === 404 || (status === 500 && /no such container/i.test(message)),
  isBusy: (status, message) =>
    status === 409 || (status === 500 && message.includes('container state improper')),
  isNotRunning: (status, message) =>
    status === 409 || (status === 500 && message.includes('container state improper')),
  halfRemoved: (message) =>
    /getting container from store "([0-9a-f]{64})": container not known/.exec(message)?.[1],
  cannotRun: /^Error: .*\bOCI\b/s,
};
