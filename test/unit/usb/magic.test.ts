import { describe, expect, it } from 'vitest';

import { kindOf } from '../../../src/core/platform/common/stick/magic.js';

const head = (hex: string, at = 0) => {
  const bytes = Buffer.alloc(512);
  Buffer.from(hex, 'hex').copy(bytes, at);
  return bytes;
};
const text = (value: string, at = 0) => head(Buffer.from(value, 'latin1').toString('hex'), at);

// Goal: what is packed is never written as if it were a disk.
describe('the first bytes of a file', () => {
  it.each([
    ['gz', head('1f8b0800')],
    ['xz', head('fd377a585a00')],
    ['zst', head('28b52ffd')],
    ['zst', head('502a4d18')],
    ['bz2', text('BZh9')],
    ['zip', head('504b0304')],
    ['raw', head('eb3c90')],
    ['raw', Buffer.alloc(0)],
  ])('make an image of kind %s', (format, bytes) => {
    expect(kindOf(bytes)).toEqual({ kind: 'image', format });
  });

  it.each([
    ['lz4', head('04224d18')],
    ['lzip', text('LZIP')],
    ['7z', head('377abcaf271c')],
    ['rar', head('526172211a0700')],
    ['tar', text('ustar', 257)],
    ['qcow2', text('QFI\u00fb')],
    ['VMDK', text('KDMV')],
    ['VDI', head('7f10dabe', 64)],
    ['VHDX', text('vhdxfile')],
  ])('of a %s file are refused', (name, bytes) => {
    expect(kindOf(bytes)).toEqual({ kind: 'unsupported', name });
  });
});
