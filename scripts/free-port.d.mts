/** A port of loopback on which nobody listens: the given one if it is free. */
export function freePort(wanted?: number): Promise<number>;
