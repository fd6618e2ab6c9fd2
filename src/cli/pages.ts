/** More than this many pages is no list for a terminal; what is left out is said. */
const MAX_PAGES = 200;
export const PAGE_LIMIT = 500;

interface Page {
  readonly nextCursor?: string;
}

/** Reads page after page and puts the items of all together. */
export async function allPages<P extends Page, Item>(
  read: (cursor: { cursor?: string }) => Promise<P>,
  items: (page: P) => readonly Item[],
): Promise<Item[]> {
  const all: Item[] = [];
  let cursor: string | undefined;
  for (let count = 0; count < MAX_PAGES; count += 1) {
    const page = await read(cursor === undefined ? {} : { cursor });
    all.push(...items(page));
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  return all;
}
