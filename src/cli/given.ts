type Given<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** What was said on a command line: a flag that was not given is no field of an input, and not one that is undefined. */
export function given<T extends object>(flags: T): Given<T> {
  const entries = Object.entries(flags).filter(([, value]) => value !== undefined);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the entries that are left are those that have a value
  return Object.fromEntries(entries) as Given<T>;
}
