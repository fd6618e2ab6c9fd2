/** What anybody may have, however much is taken. */
const FEW = 8;

/**
 * Whether a member may have one more of so many: half of them are for whoever has few. So one member alone takes no more than that half from the others, who
 * find some free, and where nobody else asks half is had by one.
 */
export class Shares {
  readonly #most: number;
  readonly #counts = new Map<string, number>();
  #total = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Takes one; answers false where there is none for this member. */
  take(member: string): boolean {
    const own = this.#counts.get(member) ?? 0;
    const isFree = this.#total < (own < FEW ? this.#most : this.#most / 2);
    if (!isFree) return false;
    this.#counts.set(member, own + 1);
    this.#total += 1;
    return true;
  }

  /** Gives one back. */
  give(member: string): void {
    const own = this.#counts.get(member);
    if (own === undefined) return;
    this.#total -= 1;
    if (own > 1) this.#counts.set(member, own - 1);
    else this.#counts.delete(member);
  }
}
