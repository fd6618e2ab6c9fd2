import { Type } from 'typebox';

import { operation } from '../operation.js';
import { AbsolutePath, Bytes, Input } from '../schemas/common.js';
import { Daemon } from '../schemas/daemon.js';

export const getDaemon = operation({
  id: 'daemon.get',
  kind: 'query',
  summary: 'State of the daemon that answers.',
  permission: 'daemon:read',
  http: ['GET', '/v1/daemon'],
  input: Input({}),
  output: Daemon,
  errors: [],
});

export const stopDaemon = operation({
  id: 'daemon.stop',
  kind: 'mutation',
  summary:
    'Stop the daemon that answers, after its running requests. Writes under way are interrupted.',
  permission: 'daemon:admin',
  http: ['POST', '/v1/daemon/stop'],
  httpStatus: 202,
  input: Input({}),
  output: Type.Object({ pid: Type.Integer(), interrupted: Type.Integer() }),
  errors: [],
});

export const backupDaemon = operation({
  id: 'daemon.backup',
  kind: 'mutation',
  summary: 'Write database, keys and configuration into one file on the daemon’s host.',
  permission: 'daemon:admin',
  http: ['POST', '/v1/daemon/backups'],
  hostBound: true,
  httpStatus: 201,
  input: Input({ path: AbsolutePath, replace: Type.Optional(Type.Boolean()) }),
  output: Type.Object({
    path: Type.String(),
    sizeBytes: Bytes,
    rows: Type.Integer(),
    schemaVersion: Type.Integer(),
  }),
  errors: ['OUTPUT_EXISTS', 'FILE_NOT_FOUND', 'DEVICE_PERMISSION', 'DISK_FULL'],
  idempotent: true,
});
