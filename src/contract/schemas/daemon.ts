import { type Static, Type } from 'typebox';

import { Timestamp, Uuid } from './common.js';

export const Daemon = Type.Object({
  id: Uuid,
  pid: Type.Integer(),
  version: Type.String(),
  apiVersion: Type.String(),
  host: Type.String(),
  startedAt: Timestamp,
  uptimeSeconds: Type.Number(),
  stateDir: Type.String(),
  socket: Type.String(),
  logFile: Type.String(),
  database: Type.Object({
    kind: Type.Union([Type.Literal('embedded'), Type.Literal('external')]),
    version: Type.String(),
    location: Type.String({ description: 'Where it is, without any secret.' }),
    schemaVersion: Type.Integer(),
  }),
  capabilities: Type.Array(Type.String(), { description: 'What this host can do, such as `usb`.' }),
  runningOperations: Type.Integer(),
});
export type Daemon = Static<typeof Daemon>;
