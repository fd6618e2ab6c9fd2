import { access, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
import { Check } from 'typebox/value';

import { NodeRef, Timestamp } from '../contract/schemas/common.js';
import { Offer } from '../contract/schemas/node.js';
import { syncDirectory, writeFileAtomic } from '../core/storage/files/atomic-file.js';
import { AppError } from '../core/types/errors/app-error.js';
import { errorCode } from '../core/types/errors/error-code.js';
import { identityFile } from './identity.js';

/** Which grid this machine has joined, and as what. */
const Membership = Type.Object({
  version: Type.Literal(1),
  node: NodeRef,
  url: Type.String(),
  caSha256: Type.String(),
  /** The certificate with that fingerprint: the only one that a daemon may come from. */
  caCertificate: Type.String(),
  joinedAt: Timestamp,
});
export type Membership = Static<typeof Membership>;

/** What the daemon last said that this node is to be, and how far it has come. */
const Target = Type.Object({
  version: Type.Literal(1),
  generation: Type.Integer({ minimum: 0 }),
  name: Type.String(),
  offer: Type.Optional(Offer),
  drained: Type.Optional(Type.Boolean()),
});
export type Target = Static<typeof Target>;

/** How it is going, for `agent status`. Not needed after a restart. */
const Status = Type.Object({
  version: Type.Literal(1),
  pid: Type.Integer(),
  state: Type.Union([
    Type.Literal('connecting'),
    Type.Literal('connected'),
    Type.Literal('waiting'),
    Type.Literal('refused'),
  ]),
  since: Timestamp,
  /** What went wrong last. */
  trouble: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
  clockSkewMs: Type.Optional(Type.Integer()),
});
export type Status = Static<typeof Status>;

/** What an agent keeps. Each file is replaced as a whole and lasts through a power loss. */
export class AgentFiles {
  readonly directory: string;

  constructor(stateDir: string) {
    this.directory = path.join(stateDir, 'agent');
  }

  /** @throws {AppError} CONFIG_INVALID when it is damaged. */
  membership(): Promise<Membership | undefined> {
    return this.#read('node.json', Membership);
  }

  saveMembership(membership: Membership): Promise<void> {
    return this.#write('node.json', membership);
  }

  /** Whether this machine is still that node, and no other process has taken its keys away. What cannot be read is no answer, so it is. */
  async isStill(nodeId: string): Promise<boolean> {
    try {
      await access(identityFile(this.directory));
      return (await this.membership())?.node.id === nodeId;
    } catch (error) {
      return errorCode(error) !== 'ENOENT';
    }
  }

  /** @throws {AppError} CONFIG_INVALID when it is damaged. */
  target(): Promise<Target | undefined> {
    return this.#read('target.json', Target);
  }

  saveTarget(target: Target): Promise<void> {
    return this.#write('target.json', target);
  }

  /** @throws {AppError} CONFIG_INVALID when it is damaged. */
  status(): Promise<Status | undefined> {
    return this.#read('status.json', Status);
  }

  saveStatus(status: Status): Promise<void> {
    return this.#write('status.json', status);
  }

  /** Takes away who this machine was. The keys first: without them the rest is of no use to anybody. */
  async wipe(): Promise<void> {
    for (const name of ['identity.json', 'node.json', 'target.json', 'status.json']) {
      await rm(path.join(this.directory, name), { force: true });
    }
    await this.wipeWork();
  }

  /** Takes away what this machine ran for the grid, as far as it lies in files, with every secret of it. */
  async wipeWork(): Promise<void> {
    for (const name of ['secrets', 'work.json', 'usage.jsonl']) {
      for (const file of [name, `${name}.damaged`]) {
        await rm(path.join(this.directory, file), { recursive: true, force: true });
      }
    }
    // A power loss does not bring them back.
    await syncDirectory(this.directory);
  }

  async #read<S extends TSchema>(name: string, schema: S): Promise<Static<S> | undefined> {
    const file = path.join(this.directory, name);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const value = parsed(text);
    if (Check(schema, value)) return value;
    throw new AppError('CONFIG_INVALID', `${file} is damaged.`, { file });
  }

  #write(name: string, value: object): Promise<void> {
    return writeFileAtomic(path.join(this.directory, name), `${JSON.stringify(value)}\n`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
