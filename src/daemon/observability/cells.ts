/** Counts up. Kept by whoever counts, so that counting is one addition. */
export class CounterCell {
  readonly labels: Readonly<Record<string, string>>;
  value = 0;

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  add(amount = 1): void {
    this.value += amount;
  }
}

/** Sorts what it observes into buckets. */
export class HistogramCell {
  readonly labels: Readonly<Record<string, string>>;
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  sum = 0;
  count = 0;

  /** @param bounds - upper bounds, rising; what is greater than the last is only in `count`. */
  constructor(labels: Readonly<Record<string, string>>, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length);
  }

  observe(value: number): void {
    this.sum += value;
    this.count += 1;
    for (let index = 0; index < this.#bounds.length; index += 1) {
      if (value > (this.#bounds[index] ?? 0)) continue;
      this.#counts[index] = (this.#counts[index] ?? 0) + 1;
      return;
    }
  }

  /** How many were at most so great, for each bound: Prometheus counts a value in every bucket that it fits. */
  cumulative(): readonly { readonly bound: number; readonly count: number }[] {
    let count = 0;
    return this.#bounds.map((bound, index) => {
      count += this.#counts[index] ?? 0;
      return { bound, count };
    });
  }
}

/** One cell for each combination of label values; the same values always give the same cell. */
export class CellFamily<Cell> {
  readonly #cells = new Map<string, Cell>();
  readonly #names: readonly string[];
  readonly #make: (labels: Readonly<Record<string, string>>) => Cell;

  constructor(names: readonly string[], make: (labels: Readonly<Record<string, string>>) => Cell) {
    this.#names = names;
    this.#make = make;
  }

  cell(values: readonly string[]): Cell {
    const key = values.join('\n');
    const known = this.#cells.get(key);
    if (known) return known;
    const labels = Object.fromEntries(
      this.#names.map((name, index) => [name, values[index] ?? '']),
    );
    const made = this.#make(labels);
    this.#cells.set(key, made);
    return made;
  }

  all(): readonly Cell[] {
    return [...this.#cells.values()];
  }
}
