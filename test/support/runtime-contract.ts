import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type {
  ContainerRuntime,
  FoundImage,
  RunSpec,
} from '../../src/core/services/container/runtime.ports.js';
import {
  COUNTS,
  ECHOES,
  execOf,
  FAILS,
  IS_NOT_THERE,
  outcome,
  type Program,
  readAll,
  runSpec,
  SAYS_BOTH,
  STAYS,
} from './run-spec.js';
import { waitFor } from './wait-for.js';

/** An engine that is there, and what the contract needs beside it. */
export interface ContractWorld extends AsyncDisposable {
  readonly runtime: ContainerRuntime;
  /** Of busybox, on the machine already and in no registry. */
  readonly localImage: string;
  /** In the registry, and not on the machine. */
  readonly image: string;
  /** A name that the registry does not know. */
  readonly missing: string;
  /** Of a registry that nobody runs. */
  readonly unreachable: string;
  /** In a registry that asks who it is, and who that may be. */
  readonly guarded:
    | { readonly image: string; readonly username: string; readonly password: string }
    | undefined;
  /** Kills the engine; what runs in it goes on. */
  lose(): Promise<void>;
  find(): Promise<void>;
}

const ofNobody = () => false;

/** What is true of every runtime, whatever is behind it. */
export function runtimeContract(name: string, open: () => Promise<ContractWorld>): void {
  describe(`${name} as a container runtime`, () => {
    let world: ContractWorld;
    let runtime: ContainerRuntime;
    let image: FoundImage;
    const ensure = (ref: string, more: object = {}) =>
      runtime.ensureImage({ ref, policy: 'missing', ...more }, new AbortController().signal);
    const create = async (program: Program, more: Partial<RunSpec> & { node?: string } = {}) => {
      const spec = runSpec(image, program, { node: randomUUID(), ...more });
      const { id } = await runtime.create(spec);
      return { id, spec };
    };
    const run = async (program: Program, more: Partial<RunSpec> & { node?: string } = {}) => {
      const made = await create(program, more);
      await runtime.start(made.id);
      return made;
    };
    const ended = (id: string) =>
      waitFor('the container to end', async () => {
        const facts = await runtime.inspect(id);
        return facts.state === 'exited' ? facts : undefined;
      });

    beforeAll(async () => {
      world = await open();
      ({ runtime } = world);
      image = await ensure(world.localImage);
    });
    afterAll(async () => {
      await world[Symbol.asyncDispose]();
    });

    describe('images', () => {
      it('are found where they are, and go by their id where no registry knows them', async () => {
        expect(image.id).toMatch(/^sha256:[0-9a-f]{64}$/);
        expect(image.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
        const again = await ensure(world.localImage, { digest: image.digest, policy: 'never' });
        expect(again).toEqual({ ...image, isAsked: false });
      });

      it('are fetched, and from then on found by their digest', async () => {
        const found = await ensure(world.image);
        expect(found.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
        const pinned = await ensure(world.image, { digest: found.digest, policy: 'never' });
        expect(found.isAsked).toBe(true);
        expect(pinned).toEqual({ ...found, isAsked: false });
        await expect(ensure(world.image, { policy: 'always' })).resolves.toEqual(found);
      });

      it.each([
        ['a name that nobody has', 'missing', {}, 'CONTAINER_IMAGE_NOT_FOUND'],
        [
          'one that is not to be fetched',
          'missing',
          { policy: 'never' },
          'CONTAINER_IMAGE_NOT_FOUND',
        ],
        [
          'a digest that nobody has',
          'image',
          { digest: `sha256:${'0'.repeat(64)}` },
          'CONTAINER_IMAGE_NOT_FOUND',
        ],
        ['a registry that nobody runs', 'unreachable', {}, 'REGISTRY_UNREACHABLE'],
      ] as const)('of %s cannot be had, and why is said by a code', async (_, ref, more, code) => {
        await expect(ensure(world[ref], more)).rejects.toMatchObject({ code });
      });

      it.each(['UPPER/case', 'a b', '', '../x', 'name@sha256:12'])(
        'are not called %j',
        async (ref) => {
          await expect(ensure(ref)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
        },
      );

      it('of a registry that asks are fetched by whoever has the password', async () => {
        if (!world.guarded) return;
        const { image: ref, username, password } = world.guarded;
        await expect(ensure(ref)).rejects.toMatchObject({ code: 'REGISTRY_DENIED' });
        const wrong = { username, password: 'something-else' };
        await expect(ensure(ref, { auth: wrong })).rejects.toMatchObject({
          code: 'REGISTRY_DENIED',
        });
        const found = await ensure(ref, { auth: { username, password } });
        expect(found.digest).toMatch(/^sha256:/);
        // It lies on the machine now, and that is for its registry to allow, by whatever name or digest.
        const mayUse = ofNobody;
        const { digest } = found;
        const repository = ref.slice(0, ref.lastIndexOf(':'));
        for (const [called, more] of [
          [ref, {}],
          [ref, { auth: wrong }],
          [ref, { digest, auth: wrong }],
          [`${repository}@${digest}`, {}],
        ] as const) {
          await expect(ensure(called, { ...more, mayUse })).rejects.toMatchObject({
            code: 'REGISTRY_DENIED',
          });
        }
        await expect(ensure(ref, { policy: 'never', mayUse })).rejects.toMatchObject({
          code: 'CONTAINER_IMAGE_NOT_FOUND',
        });
        const auth = { username, password };
        expect(await ensure(ref, { digest, auth, mayUse })).toEqual(found);
        expect(await ensure(ref, { auth, mayUse })).toEqual(found);
        expect(await ensure(`${repository}@${digest}`, { auth, mayUse })).toEqual(found);
        expect((await ensure(`${repository}@${digest}`, { policy: 'never' })).id).toBe(found.id);
      });

      it('go by no id that whoever asks brings along', async () => {
        const id = image.digest;
        await expect(ensure(`other/name@${id}`, { policy: 'never' })).rejects.toMatchObject({
          code: 'CONTAINER_IMAGE_NOT_FOUND',
        });
        await expect(ensure(id, { policy: 'never' })).rejects.toMatchObject({
          code: 'INPUT_INVALID',
        });
      });
    });

    describe('a container', () => {
      it('is made once, however often it is asked for', async () => {
        const { id, spec } = await create(STAYS);
        await expect(runtime.create(spec)).resolves.toEqual({ id });
        await expect(runtime.inspect(id)).resolves.toMatchObject({
          state: 'created',
          labels: spec.labels,
          name: spec.name,
          pid: undefined,
          startedAt: undefined,
        });
        const other = { ...spec, labels: { ...spec.labels, specHash: 'b'.repeat(64) } };
        await expect(runtime.create(other)).rejects.toMatchObject({ code: 'RUNTIME_CONFLICT' });
        // Leases that are given soon after each other begin alike.
        const lease = `${spec.labels.lease.slice(0, 8)}${randomUUID().slice(8)}`;
        const later = { ...spec, labels: { ...spec.labels, lease } };
        await expect(runtime.create(later)).rejects.toMatchObject({ code: 'RUNTIME_CONFLICT' });
        await runtime.remove(id);
      });

      it('is not made of an image that is not there', async () => {
        const gone = { id: `sha256:${'1'.repeat(64)}` };
        await expect(
          runtime.create(runSpec(gone, STAYS, { node: randomUUID() })),
        ).rejects.toMatchObject({ code: 'CONTAINER_IMAGE_NOT_FOUND' });
      });

      it('runs from its start to its stop, and again', async () => {
        const { id } = await run(STAYS);
        const first = await runtime.inspect(id);
        expect(first).toMatchObject({ state: 'running', exitCode: undefined, restarts: 0 });
        expect(first.pid).toBeGreaterThan(1);
        await runtime.start(id);
        expect((await runtime.inspect(id)).startedAt).toBe(first.startedAt);
        await runtime.stop(id, 5);
        await runtime.stop(id, 5);
        expect(await runtime.inspect(id)).toMatchObject({ state: 'exited', pid: undefined });
        await runtime.start(id);
        const second = await runtime.inspect(id);
        expect(second.state).toBe('running');
        expect(second.startedAt).not.toBe(first.startedAt);
        await runtime.remove(id);
      });

      it('that ends by itself says how', async () => {
        const { id } = await run(FAILS);
        expect(await ended(id)).toMatchObject({ exitCode: 3, oomKilled: false });
        await runtime.remove(id);
      });

      it('that its policy starts again counts its starts', async () => {
        const { id } = await run(FAILS, { restart: 'on-failure', maxRestarts: 2 });
        const { exitCode, restarts } = await waitFor('the last start', async () => {
          const facts = await runtime.inspect(id);
          return facts.state === 'exited' && facts.restarts === 2 ? facts : undefined;
        });
        expect({ exitCode, restarts }).toEqual({ exitCode: 3, restarts: 2 });
        await runtime.remove(id);
      });

      it('whose program is not there does not start, and is to be removed', async () => {
        const { id } = await create(IS_NOT_THERE);
        await expect(runtime.start(id)).rejects.toMatchObject({
          code: 'CONTAINER_START_FAILED',
          details: { exitCode: 127 },
        });
        expect((await runtime.inspect(id)).state).not.toBe('running');
        await runtime.remove(id);
      });

      it('whose port another one has does not start', async () => {
        const ports = [{ host: 18_080, container: 80, protocol: 'tcp' as const }];
        const first = await run(STAYS, { ports });
        const second = await create(STAYS, { ports });
        await expect(runtime.start(second.id)).rejects.toMatchObject({ code: 'PORT_TAKEN' });
        expect((await runtime.inspect(first.id)).ports).toEqual(ports);
        await runtime.remove(first.id);
        await runtime.start(second.id);
        await runtime.remove(second.id);
      });

      it('gets a port that is free where it names none', async () => {
        const { id } = await run(STAYS, { ports: [{ container: 81, protocol: 'tcp' }] });
        const [port] = (await runtime.inspect(id)).ports;
        expect(port).toMatchObject({ container: 81, protocol: 'tcp' });
        expect(port?.host).toBeGreaterThan(1_024);
        await runtime.remove(id);
      });

      it('is removed with what runs in it, and once is enough', async () => {
        const { id } = await run(STAYS);
        await runtime.remove(id);
        await runtime.remove(id);
        const gone = { code: 'RUNTIME_NOT_FOUND' };
        await expect(runtime.inspect(id)).rejects.toMatchObject(gone);
        await expect(runtime.start(id)).rejects.toMatchObject(gone);
        await expect(runtime.stop(id, 1)).rejects.toMatchObject(gone);
        await expect(runtime.exec(id, execOf(ECHOES))).rejects.toMatchObject(gone);
        await expect(readAll(runtime, id, { follow: false })).rejects.toMatchObject(gone);
        await expect(readAll(runtime, id, { follow: true })).rejects.toMatchObject(gone);
      });

      it('keeps its volume when it goes, and the volume stays while it is used', async () => {
        const source = `syntropy-${randomUUID()}`;
        const volume = { kind: 'volume' as const, source, target: '/data', readOnly: false };
        const { id } = await run(STAYS, { mounts: [volume] });
        await expect(runtime.removeVolume(source)).rejects.toMatchObject({
          code: 'RUNTIME_CONFLICT',
        });
        await runtime.remove(id);
        await runtime.removeVolume(source);
        await runtime.removeVolume(source);
      });
    });

    it('lists what has the label of a node, and nothing else', async () => {
      const node = randomUUID();
      const [mine, created, other] = [
        await run(STAYS, { node }),
        await create(STAYS, { node }),
        await run(STAYS),
      ];
      const listed = await runtime.list(node);
      expect(new Map(listed.map(({ id, state }) => [id, state]))).toEqual(
        new Map([
          [mine.id, 'running'],
          [created.id, 'created'],
        ]),
      );
      expect(listed.find(({ id }) => id === mine.id)).toMatchObject({
        labels: mine.spec.labels,
        name: mine.spec.name,
      });
      for (const { id } of [mine, created, other]) await runtime.remove(id);
    });

    describe('logs', () => {
      it('are the lines of both streams, each with its time', async () => {
        const { id } = await run(FAILS);
        await ended(id);
        const lines = await readAll(runtime, id, { follow: false });
        const said = lines.map(({ stream, text }) => `${stream} ${text}`).toSorted();
        expect(said).toEqual(['stderr two', 'stdout one', 'stdout three']);
        expect(lines.every(({ at }) => !Number.isNaN(Date.parse(at)))).toBe(true);
        await runtime.remove(id);
      });

      it.each([false, true])(
        'are only the last lines where so many are asked for (follow: %s)',
        async (follow) => {
          const { id } = await run(COUNTS);
          await ended(id);
          const read = async (tail: number) =>
            (await readAll(runtime, id, { follow, tail })).map(({ text }) => text);
          expect(await read(3)).toEqual(['7', '8', '9']);
          expect(await read(0)).toEqual([]);
          expect(await read(100)).toHaveLength(9);
          await runtime.remove(id);
        },
      );

      it('are followed until the container has ended', async () => {
        const { id } = await run(FAILS);
        const lines = await readAll(runtime, id, { follow: true });
        expect(lines.map(({ text }) => text).toSorted()).toEqual(['one', 'three', 'two']);
        expect((await runtime.inspect(id)).state).toBe('exited');
        await runtime.remove(id);
      });

      it('of before a time, or after it, are left out', async () => {
        const { id } = await run(COUNTS);
        await ended(id);
        const request = { follow: false };
        const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
        const yesterday = new Date(Date.now() - 86_400_000).toISOString();
        expect(await readAll(runtime, id, { ...request, since: tomorrow })).toEqual([]);
        expect(await readAll(runtime, id, { ...request, until: yesterday })).toEqual([]);
        expect(
          await readAll(runtime, id, { ...request, since: yesterday, until: tomorrow }),
        ).toHaveLength(9);
        await runtime.remove(id);
      });

      it('are let go of when nobody wants them any more', async () => {
        const { id } = await run(STAYS);
        const reading = new AbortController();
        const lines = runtime.logs(id, { follow: true }, reading.signal)[Symbol.asyncIterator]();
        const next = lines.next();
        reading.abort();
        expect((await next).done).toBe(true);
        await runtime.remove(id);
      });
    });

    describe('a command in a container', () => {
      it('says what it says on each stream, and how it ends', async () => {
        const { id } = await run(STAYS);
        const session = await runtime.exec(id, execOf(SAYS_BOTH));
        expect(await outcome(session)).toEqual({
          stdout: 'to out\n',
          stderr: 'to err\n',
          exitCode: 5,
        });
        await runtime.remove(id);
      });

      it('reads what it is given, to its end', async () => {
        const { id } = await run(STAYS);
        const session = await runtime.exec(id, execOf(ECHOES, { stdin: true }));
        await session.write(Buffer.from('hello '));
        await session.write(Buffer.from('there'));
        session.end();
        expect(await outcome(session)).toEqual({ stdout: 'hello there', stderr: '', exitCode: 0 });
        await runtime.remove(id);
      });

      it('that is not there is an error, and none of its output', async () => {
        const { id } = await run(STAYS);
        await expect(runtime.exec(id, execOf(IS_NOT_THERE))).rejects.toMatchObject({
          code: 'CONTAINER_START_FAILED',
          details: { exitCode: 127 },
        });
        await runtime.remove(id);
      });

      it('needs a container that runs', async () => {
        const { id } = await create(STAYS);
        await expect(runtime.exec(id, execOf(SAYS_BOTH))).rejects.toMatchObject({
          code: 'CONTAINER_NOT_RUNNING',
        });
        await runtime.remove(id);
      });
    });

    it('tells that something has happened to a container of a node', async () => {
      const node = randomUUID();
      const reading = new AbortController();
      const events = runtime.events(node, reading.signal)[Symbol.asyncIterator]();
      // Whoever listens is heard to listen only by what comes: each event makes the next one wanted.
      const next = async (act: () => Promise<unknown>) => {
        const event = events.next();
        await pause(200);
        await act();
        return (await event).done;
      };
      const { id } = await create(STAYS, { node });
      expect(await next(() => runtime.start(id))).toBe(false);
      expect(await next(() => runtime.stop(id, 1))).toBe(false);
      expect(await next(() => runtime.remove(id))).toBe(false);
      const last = events.next();
      reading.abort();
      for (let event = await last; event.done !== true;) event = await events.next();
    });

    it('says that the engine is away while it is, and has lost nothing when it is back', async () => {
      const node = randomUUID();
      const { id } = await run(STAYS, { node });
      const before = await runtime.inspect(id);
      const reading = new AbortController();
      const events = runtime.events(node, reading.signal)[Symbol.asyncIterator]();
      const event = events.next();
      await runtime.list(node);
      await world.lose();
      await expect(runtime.list(node)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
      await expect(runtime.inspect(id)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
      for (let seen = await event; seen.done !== true;) seen = await events.next();
      reading.abort();
      await world.find();
      expect(await runtime.inspect(id)).toEqual(before);
      await runtime.remove(id);
    });
  });
}
