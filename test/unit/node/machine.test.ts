import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { bootId, machineHash } from '../../../src/core/platform/common/machine.js';
import { scratchFolder } from '../../support/scratch.js';

interface Machine {
  readonly machineId?: string;
  readonly board?: string;
  /** Name, address, and whether it is a device. */
  readonly cards?: readonly (readonly [string, string, boolean])[];
  readonly bootId?: string;
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${text}\n`);
}

async function planted(machine: Machine) {
  const folder = await scratchFolder();
  const roots = { etc: folder.file('etc'), sys: folder.file('sys'), proc: folder.file('proc') };
  if (machine.machineId !== undefined) await write(`${roots.etc}/machine-id`, machine.machineId);
  if (machine.board !== undefined) {
    await write(`${roots.sys}/class/dmi/id/product_uuid`, machine.board);
  }
  if (machine.bootId !== undefined) {
    await write(`${roots.proc}/sys/kernel/random/boot_id`, machine.bootId);
  }
  for (const [name, address, isDevice] of machine.cards ?? []) {
    await write(`${roots.sys}/class/net/${name}/address`, address);
    if (!isDevice) continue;
    await mkdir(`${roots.sys}/devices/${name}`, { recursive: true });
    await symlink(`${roots.sys}/devices/${name}`, `${roots.sys}/class/net/${name}/device`);
  }
  return { roots, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
}

async function hashOf(machine: Machine, salt = 'grid'): Promise<string> {
  await using at = await planted(machine);
  return machineHash(salt, at.roots);
}

const base = { machineId: 'aaaa', board: 'B-1' } as const;

// Goal: a copied disk is told from the machine it was copied from, and nothing else is mistaken for that.
describe('what tells a machine from others', () => {
  it('is the same for the same machine, whatever cards it has besides', async () => {
    const plain = await hashOf(base);

    expect(await hashOf({ ...base, cards: [['eth0', '02:00:00:00:00:01', true]] })).toBe(plain);
    expect(await hashOf({ ...base, board: 'b-1' })).toBe(plain);
  });

  it.each([
    ['another board', { ...base, board: 'B-2' }],
    ['another installation', { ...base, machineId: 'bbbb' }],
  ])('differs on %s', async (_, machine) => {
    expect(await hashOf(machine)).not.toBe(await hashOf(base));
  });

  it('differs for each grid', async () => {
    expect(await hashOf(base, 'one')).not.toBe(await hashOf(base, 'other'));
  });

  it('is the lowest address of a real card where the board may not be read', async () => {
    const cards = [
      ['eth1', '02:00:00:00:00:02', true],
      ['eth0', '02:00:00:00:00:01', true],
      ['docker0', '01:00:00:00:00:00', false],
      ['lo', '00:00:00:00:00:00', true],
    ] as const;
    const one = await hashOf({ machineId: 'aaaa', cards });

    expect(await hashOf({ machineId: 'aaaa', cards: [cards[1]] })).toBe(one);
    expect(await hashOf({ machineId: 'aaaa', cards: [cards[0]] })).not.toBe(one);
  });

  it('is something also where nothing can be read', async () => {
    expect(await hashOf({})).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('the start of a machine', () => {
  it('is told by the kernel’s own id', async () => {
    await using at = await planted({ bootId: '0b2c' });

    expect(bootId(at.roots)).toBe('0b2c');
  });

  it('is told by its time where there is none', async () => {
    await using at = await planted({});

    expect(bootId(at.roots)).toMatch(/^started-\d+$/);
  });
});
