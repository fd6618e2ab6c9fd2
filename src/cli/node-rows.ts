import type { Node } from '../contract/schemas/node.js';

import { AppError } from '../core/types/errors/app-error.js';
import { defaultNodeColumns, nodeColumns } from './node-view.js';
import type { Column } from './table.js';

/** The chosen columns. @throws {AppError} USAGE_INVALID for one that there is not. */
export function chosenColumns(names: string | undefined): readonly Column<Node>[] {
  const chosen = names === undefined ? defaultNodeColumns : names.split(',');
  return chosen.map((name) => columnOf(name.trim(), '--columns'));
}

/** Rows by a column; `-name` is downwards. Numbers inside names count as numbers. */
export function sorted(nodes: readonly Node[], by: string): readonly Node[] {
  const down = by.startsWith('-');
  const { value } = sortColumn(down ? by.slice(1) : by);
  const compare = (a: Node, b: Node) => value(a).localeCompare(value(b), 'en', { numeric: true });
  return nodes.toSorted((a, b) => (down ? compare(b, a) : compare(a, b)));
}

/** Rows in which a column contains a text, as `column=text`. */
export function filtered(nodes: readonly Node[], filters: readonly string[]): readonly Node[] {
  return filters.reduce<readonly Node[]>((rows, filter) => {
    const [name = '', ...text] = filter.split('=');
    if (text.length === 0) {
      throw new AppError('USAGE_INVALID', `--filter "${filter}" is not like column=text.`);
    }
    const { value } = columnOf(name, '--filter');
    return rows.filter((node) => value(node).includes(text.join('=')));
  }, nodes);
}

/** An age is sorted by its time, not by its text. */
function sortColumn(name: string): Column<Node> {
  const column = columnOf(name, '--sort');
  return name === 'since' ? { ...column, value: (node) => node.statusSince } : column;
}

function columnOf(name: string, flag: string): Column<Node> {
  const column = Object.hasOwn(nodeColumns, name) ? nodeColumns[name] : undefined;
  if (column) return column;
  throw new AppError(
    'USAGE_INVALID',
    `${flag}: there is no column "${name}"; there are ${Object.keys(nodeColumns).join(', ')}.`,
    { flag },
  );
}
