import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Drive, DriveUse } from '../../../src/core/types/models/drive.js';

import { refusal } from '../../../src/core/services/usb/target-rules.js';

const aDrive = (over: Partial<Drive> = {}): Drive => ({
  path: '/dev/sdb',
  sizeBytes: 16e9,
  removable: true,
  readOnly: false,
  logicalBlockBytes: 512,
  uses: [],
  partitions: [],
  ...over,
});

const uses = fc.uniqueArray(
  fc.constantFrom<DriveUse>('system', 'mounted', 'swap', 'raid', 'lvm', 'holder'),
);
const anyDrive = fc
  .record({
    uses,
    removable: fc.boolean(),
    readOnly: fc.boolean(),
    sizeBytes: fc.constantFrom(0, 16e9),
  })
  .map(aDrive);
const everything = { unmount: true, acceptRisks: ['not-removable', 'system', 'everything'] };

// Goal: no flag ever lets the system's disk, or a disk in use, be written.
describe('a drive', () => {
  it('that holds the system, swap, RAID or volumes is refused, whatever is accepted', () => {
    fc.assert(
      fc.property(anyDrive, (drive) => {
        const grave = drive.uses.some((use) => use !== 'mounted');
        const refused = refusal(drive, everything);

        expect(!grave || ['DEVICE_SYSTEM', 'DEVICE_IN_USE'].includes(refused?.code ?? '')).toBe(
          true,
        );
        expect(drive.uses.includes('system')).toBe(refused?.code === 'DEVICE_SYSTEM');
      }),
    );
  });

  it('is accepted only without any reason against it', () => {
    fc.assert(
      fc.property(anyDrive, (drive) => {
        const clean =
          drive.uses.length === 0 && drive.removable && !drive.readOnly && drive.sizeBytes > 0;

        expect(refusal(drive, { unmount: false, acceptRisks: [] }) === undefined).toBe(clean);
      }),
    );
  });

  it.each([
    ['DEVICE_MOUNTED', { uses: ['mounted'] as const }],
    ['DEVICE_READ_ONLY', { readOnly: true }],
    ['DEVICE_NOT_REMOVABLE', { removable: false }],
    ['DEVICE_TOO_SMALL', { sizeBytes: 0 }],
  ])('is refused with %s', (code, over) => {
    expect(refusal(aDrive(over), { unmount: false, acceptRisks: [] })).toMatchObject({ code });
  });

  it('that is mounted may be unmounted when asked, and a fixed one written when the risk is named', () => {
    expect(
      refusal(aDrive({ uses: ['mounted'] }), { unmount: true, acceptRisks: [] }),
    ).toBeUndefined();
    expect(
      refusal(aDrive({ removable: false }), { unmount: false, acceptRisks: ['not-removable'] }),
    ).toBeUndefined();
  });
});
