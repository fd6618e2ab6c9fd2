/** Why a stream was ended by the daemon. With the last cursor, a reader goes on where it was, here or on another replica. */
export type StreamEnd =
  /** There is no more: it was not one that goes on for ever. */
  | 'complete'
  /** The daemon stops; another replica, or this one in a moment, goes on. */
  | 'stopping'
  /** What the caller showed is no longer good; sign in and go on. */
  | 'token_expired'
  /** The reader took nothing for too long. */
  | 'slow_reader';

/** How much may wait for a reader before the source is asked for no more. */
export const HIGH_WATER_BYTES = 256 << 10;
/** A reader that takes nothing for so long, with that much waiting, is cut. */
export const STALL_TIMEOUT_MS = 10_000;
/** The same for one that sets its own pace, such as a person who reads page by page: what waits for it is bounded, and holds up nobody else. */
export const PACED_STALL_MS = 3_600_000;
/** Keeps proxies from closing a quiet stream, and finds a reader that has gone. */
export const HEARTBEAT_MS = 15_000;
