import type { Programs } from './programs.js';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';
import { parsePrefix } from '../../../utils/ip-prefix.js';
import { elementsOf, type FirewallPlan, shapeOf, tableName } from './nft-text.js';

interface Listing {
  /** Chains, rules and sets without their members, as nft writes them. */
  readonly shape: string;
  readonly elements: ReadonlyMap<string, ReadonlySet<string>>;
}

type Elements = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * The table of nftables that decides what passes the tunnel. Every change is one transaction. Members come and go without a change of the rules; where these
 * are to be others, or are not as this object left them, the table is replaced. What the kernel knows of conversations is in no table, and stays.
 */
export class Firewall {
  readonly #device: string;
  readonly #programs: Programs;
  /** What was put there, and what that looked like afterwards. */
  #last: { readonly wanted: string; readonly found: string } | undefined;

  constructor(device: string, programs: Programs) {
    this.#device = device;
    this.#programs = programs;
  }

  async apply(plan: FirewallPlan): Promise<void> {
    const wanted = shapeOf(this.#device, plan).join('\n');
    const elements = elementsOf(plan);
    const present = await this.#list();
    if (!present || this.#last?.wanted !== wanted || present.shape !== this.#last.found) {
      await this.#replace(wanted, elements);
      return;
    }
    try {
      await this.#transact(changesOf(this.#table, present.elements, elements));
    } catch (error) {
      if (errorCode(error) !== 'TUNNEL_FAILED') throw error;
      // Versions of nft differ in which changes of intervals they take at once; all of them take a whole table.
      await this.#replace(wanted, elements);
    }
  }

  async remove(): Promise<void> {
    this.#last = undefined;
    if (await this.#isThere()) await this.#transact([`delete table ${this.#table}`]);
  }

  get #table(): string {
    return `inet ${tableName(this.#device)}`;
  }

  async #replace(wanted: string, elements: Elements): Promise<void> {
    this.#last = undefined;
    await this.#transact([
      // So that there is one to delete.
      `table ${this.#table}`,
      `delete table ${this.#table}`,
      `table ${this.#table} {`,
      wanted,
      '}',
      ...changesOf(this.#table, new Map(), elements),
    ]);
    const found = (await this.#list())?.shape;
    if (found !== undefined) this.#last = { wanted, found };
  }

  async #isThere(): Promise<boolean> {
    const text = await this.#programs.run('nft', ['-j', 'list', 'tables']);
    return objects(text).some(
      ({ table }) => table?.['family'] === 'inet' && table['name'] === tableName(this.#device),
    );
  }

  async #list(): Promise<Listing | undefined> {
    const text = await this.#text();
    if (text === undefined) return undefined;
    const shape: unknown[] = [];
    const elements = new Map<string, ReadonlySet<string>>();
    for (const object of objects(text)) {
      const { set, metainfo } = object;
      if (metainfo) continue;
      if (set) elements.set(String(set['name']), membersOf(set['elem']));
      shape.push(set ? { ...set, elem: undefined } : object);
    }
    return { shape: JSON.stringify(shape), elements };
  }

  /** Asks for the table first: it is there nearly always. */
  async #text(): Promise<string | undefined> {
    try {
      const words = ['-j', 'list', 'table', 'inet', tableName(this.#device)];
      return await this.#programs.run('nft', words);
    } catch (error) {
      if (errorCode(error) !== 'TUNNEL_FAILED' || (await this.#isThere())) throw error;
      return undefined;
    }
  }

  async #transact(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    await this.#programs.run('nft', ['-f', '-'], { input: `${lines.join('\n')}\n` });
  }
}

/** What is to go goes before what comes: intervals of a set may not touch. */
function changesOf(table: string, present: Elements, wanted: Elements): readonly string[] {
  return [...wanted].flatMap(([name, members]) => {
    const had = present.get(name) ?? new Set();
    const gone = [...had].filter((member) => !members.has(member));
    const come = [...members].filter((member) => !had.has(member));
    return [
      ...(gone.length > 0 ? [`delete element ${table} ${name} { ${gone.join(', ')} }`] : []),
      ...(come.length > 0 ? [`add element ${table} ${name} { ${come.join(', ')} }`] : []),
    ];
  });
}

/** What nft lists: an address, a prefix, or a range, which we never put there and which is replaced as something unknown. */
function membersOf(elements: unknown): ReadonlySet<string> {
  const list: readonly unknown[] = Array.isArray(elements) ? elements : [];
  return new Set(
    list.map((element) => {
      if (typeof element === 'string') return parsePrefix(element)?.text ?? element;
      const prefix = record(record(element)['prefix']);
      const text = `${String(prefix['addr'])}/${String(prefix['len'])}`;
      return parsePrefix(text)?.text ?? JSON.stringify(element);
    }),
  );
}

type Entry = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

function objects(text: string): readonly Entry[] {
  try {
    const list: unknown = record(JSON.parse(text))['nftables'];
    if (Array.isArray(list)) {
      return list.map((entry: unknown) =>
        Object.fromEntries(
          Object.entries(record(entry)).map(([key, value]) => [key, record(value)]),
        ),
      );
    }
  } catch {
    // Said below.
  }
  throw new AppError('TUNNEL_FAILED', 'What nft says cannot be read.');
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {};
}
