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
  opsUrl: Type.String({ description: 'Where probes and metrics are, as its host reaches it.' }),
  caSha256: Type.String({ description: 'Fingerprint of the grid’s own authority, in hex.' }),
  api: Type.Optional(
    Type.Object({
      url: Type.String(),
      tls: Type.Union([Type.Literal('grid-ca'), Type.Literal('certificate'), Type.Literal('off')]),
      fingerprint: Type.Optional(
        Type.String({ description: 'SHA-256, in hex, of what `context add` pins.' }),
      ),
    }),
  ),
});
export type Daemon = Static<typeof Daemon>;
