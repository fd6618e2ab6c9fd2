const texts = new WeakMap<object, string>();

/** JSON of an item of a stream. One that many readers are sent is put into words once. */
export function wireText(item: unknown): string {
  if (typeof item !== 'object' || item === null) return JSON.stringify(item);
  const known = texts.get(item);
  if (known !== undefined) return known;
  const text = JSON.stringify(item);
  texts.set(item, text);
  return text;
}

/** Where a reader goes on after this item, if it says so. */
export function cursorOf(item: unknown): string | undefined {
  return typeof item === 'object' &&
    item !== null &&
    'cursor' in item &&
    typeof item.cursor === 'string'
    ? item.cursor
    : undefined;
}
