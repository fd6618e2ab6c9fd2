import { Type } from 'typebox';

import { operation } from '../operation.js';
import { Input } from '../schemas/common.js';
import { Drive } from '../schemas/drive.js';

export const listDrives = operation({
  id: 'drives.list',
  kind: 'query',
  summary: 'List the drives of the daemon’s host that could be written; with `all`, every drive.',
  permission: 'usb:read',
  http: ['GET', '/v1/usb/drives'],
  hostBound: true,
  input: Input({ all: Type.Optional(Type.Boolean()) }),
  output: Type.Object({ drives: Type.Array(Drive) }),
  errors: ['CAPABILITY_MISSING'],
});
