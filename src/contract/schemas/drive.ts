import { type Static, Type } from 'typebox';

import { Bytes } from './common.js';

export const DrivePartition = Type.Object({
  path: Type.String(),
  sizeBytes: Bytes,
  label: Type.Optional(Type.String()),
  filesystem: Type.Optional(Type.String()),
  mountpoints: Type.Array(Type.String()),
});

export const Drive = Type.Object({
  path: Type.String({ description: 'Device path, such as /dev/sdb.' }),
  serial: Type.Optional(Type.String()),
  byId: Type.Optional(Type.String({ description: 'Name under /dev/disk/by-id.' })),
  model: Type.Optional(Type.String()),
  vendor: Type.Optional(Type.String()),
  transport: Type.Optional(Type.String()),
  sizeBytes: Bytes,
  logicalBlockBytes: Type.Integer({ minimum: 1 }),
  removable: Type.Boolean(),
  readOnly: Type.Boolean(),
  uses: Type.Array(
    Type.Union([
      Type.Literal('system'),
      Type.Literal('mounted'),
      Type.Literal('swap'),
      Type.Literal('raid'),
      Type.Literal('lvm'),
      Type.Literal('holder'),
    ]),
  ),
  partitions: Type.Array(DrivePartition),
  refusal: Type.Optional(
    Type.Object(
      { code: Type.String(), message: Type.String() },
      { description: 'Why it would not be written as things stand, without any risk accepted.' },
    ),
  ),
});
export type Drive = Static<typeof Drive>;
