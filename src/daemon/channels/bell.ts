/** Wakes whoever waits for any of several things, of which each may come many times. What rings before somebody waits is not missed. */
export class Bell {
  #next = Promise.withResolvers<void>();

  readonly ring = (): void => this.#next.resolve();

  /** Resolves when it has rung since the last time. */
  async rung(): Promise<void> {
    await this.#next.promise;
    this.#next = Promise.withResolvers();
  }
}
