import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { FoundImage, RunSpec } from '../../src/core/services/container/runtime.ports.js';

import { engineWorld } from './engine-world.js';
import { type TestEngine } from './engines.js';
import { cgroupsLeft, mountsUnder, processesOf } from './leftovers.js';
import { execOf, outcome, readAll, runSpec, sh, STAYS } from './run-spec.js';
import { waitFor } from './wait-for.js';

const LINES = 20_000;
const RACES = 3;

/** What a real engine does with what it was told: no twin can show it. */
export function engineSuite(name: string, start: () => Promise<TestEngine>): void {
  describe(`${name} itself`, () => {
    let world: Awaited<ReturnType<typeof engineWorld>>;
    let image: FoundImage;
    const node = randomUUID();
    const run = async (script: string, more: Partial<RunSpec> = {}) => {
      const { id } = await world.runtime.create(runSpec(image, sh(script, {}), { node, ...more }));
      await world.runtime.start(id);
      return id;
    };
    const say = async (id: string, script: string, more = {}) =>
      outcome(await world.runtime.exec(id, execOf(sh(script, {}), more)));
    const stays = STAYS.args[2] ?? '';

    beforeAll(async () => {
      world = await engineWorld(start);
      const { signal } = new AbortController();
      image = await world.runtime.ensureImage({ ref: world.localImage, policy: 'never' }, signal);
    });
    afterAll(async () => {
      for (const { id } of await world.runtime.list(node)) await world.runtime.remove(id);
      const { folder, namespace } = world.engine;
      await world[Symbol.asyncDispose]();
      expect(processesOf(folder)).toEqual([]);
      expect(mountsUnder(folder)).toEqual([]);
      expect(cgroupsLeft(folder.replace('/tmp', ''))).toEqual([]);
      expect(existsSync(`/run/netns/${namespace}`)).toBe(false);
      expect(existsSync(folder)).toBe(false);
    });

    it('says which it is', async () => {
      const facts = await world.runtime.facts();
      expect(facts).toMatchObject({ kind: world.engine.kind, survivesEngine: true });
      expect(facts.version).toMatch(/^\d+\.\d+/);
      expect(['v1', 'v2']).toContain(facts.cgroup);
      expect(facts).toMatchObject({ architecture: 'amd64', cgroupDriver: 'cgroupfs' });
    });

    it('has nothing of the grid in what has only its labels from an image', async () => {
      const id = await run(stays);
      const { labels } = await world.runtime.inspect(id);
      // As `docker commit` leaves them in an image, or whoever writes one.
      const own = {
        'syntropy.node': node,
        'syntropy.lease': labels.lease,
        'syntropy.container': labels.container,
        'syntropy.replica': labels.replica,
        'syntropy.spec-hash': labels.specHash,
      };
      const changes = Object.entries(own).map(([key, value]) => `LABEL ${key}=${value}`);
      await world.engine.importBusybox('local/copy:1', { changes });
      const words = { Image: 'local/copy:1', Cmd: ['/bin/sleep', '60'] };
      const made = await world.engine.api('POST', '/containers/create?name=copy', words);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the form of the Engine API
      const { Id: copy } = JSON.parse(made.text) as { readonly Id: string };
      await world.engine.api('POST', `/containers/${copy}/start`);
      const looked = await world.engine.api('GET', `/containers/${copy}/json`);
      expect(looked.text).toContain(`"syntropy.lease":"${labels.lease}"`);

      const listed = await world.runtime.list(node);
      await expect(world.runtime.inspect(copy)).rejects.toMatchObject({
        code: 'RUNTIME_NOT_FOUND',
      });
      await world.engine.api('DELETE', `/containers/${copy}?force=1`);

      expect(listed.map((one) => one.id)).toContain(id);
      expect(listed.map((one) => one.id)).not.toContain(copy);
    });

    it('confines a container, as the kernel sees it', async () => {
      const tmp = { kind: 'tmpfs' as const, target: '/tmp', sizeBytes: 1 << 20 };
      const id = await run(stays, { mounts: [tmp], pidsLimit: 50, memoryBytes: 48 << 20 });
      const { stdout } = await say(id, 'cat /proc/1/status');
      const field = (word: string) => new RegExp(`^${word}:\\s+(\\S+)`, 'm').exec(stdout)?.[1];
      expect(field('CapEff')).toBe('0000000000000000');
      expect(field('CapBnd')).toBe('0000000000000000');
      expect(field('NoNewPrivs')).toBe('1');
      expect(field('Seccomp')).toBe('2');
      const tries =
        'touch /etc/x; touch /tmp/x && echo in tmp; cp /bin/busybox /tmp/true && /tmp/true && echo runs; head -c 4000000 /dev/zero > /tmp/large';
      const tried = await say(id, tries);
      expect(tried.stdout).toBe('in tmp\n');
      expect(tried.stderr).toMatch(/\/etc\/x: Read-only file system/);
      const mounts = (await say(id, 'cat /proc/mounts')).stdout;
      const flags = /^tmpfs \/tmp tmpfs (\S+)/m.exec(mounts)?.[1]?.split(',') ?? [];
      expect(flags).toEqual(expect.arrayContaining(['nosuid', 'nodev', 'size=1024k']));
      expect(flags).not.toContain('noexec');
      const { pid = 0 } = await world.runtime.inspect(id);
      const limit = async (tree: string, file: string) => {
        const cat = `cat /sys/fs/cgroup/${tree}$(sed -n 's/^[0-9]*:${tree}://p' /proc/${pid}/cgroup)/${file}`;
        return Number(await world.engine.reach('sh', '-c', cat));
      };
      expect(await limit('pids', 'pids.max')).toBe(50);
      expect(await limit('memory', 'memory.limit_in_bytes')).toBe(48 << 20);
      expect(await limit('memory', 'memory.memsw.limit_in_bytes')).toBe(48 << 20);
      expect(await limit('cpu', 'cpu.cfs_quota_us')).toBe(50_000);
    });

    it('gives up of the confinement what is named, and nothing more', async () => {
      const id = await run(stays, {
        capAdd: ['NET_BIND_SERVICE'],
        writableRoot: true,
        allowPrivilegeEscalation: true,
      });
      const { stdout } = await say(id, 'touch /etc/x && cat /proc/1/status');
      expect(stdout).toMatch(/^CapEff:\s+0000000000000400$/m);
      expect(stdout).toMatch(/^NoNewPrivs:\s+0$/m);
      expect(stdout).toMatch(/^Seccomp:\s+2$/m);
    });

    it('starts it as the spec says', async () => {
      const id = await run(stays, {
        env: { GREETING: 'a b=c\n"d"' },
        hostname: 'my-name',
        user: '1000:1000',
        workingDir: '/var',
      });
      const { stdout } = await say(
        id,
        'cat /proc/1/environ | tr "\\0" "|"; hostname; id -u; readlink /proc/1/cwd',
      );
      expect(stdout).toContain('GREETING=a b=c\n"d"|');
      expect(stdout).toMatch(/my-name\n1000\n\/var\n$/);
    });

    it(
      `loses no line of ${LINES} where a container ends while it is followed`,
      { timeout: 180_000 },
      async () => {
        for (let race = 0; race < RACES; race += 1) {
          const id = await run(`seq ${LINES}`);
          const lines = await readAll(world.runtime, id, { follow: true });
          expect(lines.map(({ text }) => Number(text))).toEqual(
            Array.from({ length: LINES }, (_, n) => n + 1),
          );
          expect(await readAll(world.runtime, id, { follow: true, tail: 1_000 })).toHaveLength(
            1_000,
          );
          await world.runtime.remove(id);
        }
      },
    );

    it(
      'loses no line, and tells none twice, where it is followed from the middle',
      { timeout: 60_000 },
      async () => {
        const id = await run(
          'n=0; while [ $n -lt 3000 ]; do n=$((n+1)); echo $n; [ $((n % 300)) = 0 ] && sleep 0.3; done; :',
        );
        await waitFor('some of it', async () => {
          const so = await readAll(world.runtime, id, { follow: false });
          return so.length > 500;
        });
        const numbers = (await readAll(world.runtime, id, { follow: true, tail: 100 })).map(
          ({ text }) => Number(text),
        );
        const [first = 0] = numbers;
        expect(numbers.at(-1)).toBe(3_000);
        expect(numbers).toEqual(Array.from({ length: 3_000 - first + 1 }, (_, n) => first + n));
      },
    );

    it('gives a long line whole, and one that has no end', async () => {
      const id = await run('head -c 40000 /dev/zero | tr "\\0" x; echo; echo -n "no end"');
      const lines = await readAll(world.runtime, id, { follow: true });
      expect(lines.map(({ text }) => text.length)).toEqual([40_000, 6]);
    });

    it('keeps the last words of a run from the next one, where the engine does', async () => {
      // Podman puts the two together before anybody can read them.
      const words = name === 'Podman' ? ['lastlast'] : ['last', 'last'];
      const id = await run('printf last');
      await waitFor('it to end', async () => {
        const { state } = await world.runtime.inspect(id);
        return state === 'exited';
      });
      await world.runtime.start(id);
      await waitFor('the second run', async () => {
        const found = await readAll(world.runtime, id, { follow: false });
        return found.map(({ text }) => text).join('') === 'lastlast';
      });

      const lines = await readAll(world.runtime, id, { follow: false });

      expect(lines.map(({ text }) => text)).toEqual(words);
      expect(new Set(lines.map(({ at }) => at)).size).toBe(words.length);
      await world.runtime.remove(id);
    });

    it('waits for a reader that is slow', async () => {
      const id = await run(stays);
      const session = await world.runtime.exec(id, execOf(sh('head -c 3000000 /dev/zero', {})));
      let sizeBytes = 0;
      let isFirst = true;
      for await (const { bytes } of session.output) {
        sizeBytes += bytes.length;
        if (!isFirst) continue;
        isFirst = false;
        const { stdout } = await say(id, 'ps -o args | grep -c "[h]ead -c 3000000"');
        // It has not been able to get rid of all that it has to say.
        expect(Number(stdout)).toBeGreaterThan(0);
      }
      expect(sizeBytes).toBe(3_000_000);
      expect(await session.exitCode()).toBe(0);
    });

    it('gives a command a terminal, of the size that it is told', async () => {
      const id = await run(stays);
      const script = 'stty size; read go; stty size; exit 7';
      const size = { columns: 100, rows: 30 };
      const more = { tty: true, stdin: true, size };
      const session = await world.runtime.exec(id, execOf(sh(script, {}), more));
      await session.resize({ columns: 120, rows: 40 });
      await session.write(Buffer.from('go\n'));
      const { stdout, exitCode } = await outcome(session);
      expect(stdout).toMatch(/40 120\r\n$/);
      expect(exitCode).toBe(7);
    });

    it('ends a command that nobody waits for any more', async () => {
      const id = await run(stays);
      const session = await world.runtime.exec(id, execOf({ args: ['/bin/sleep', '4711'] }));
      const there = async () => (await say(id, 'ps -o args | grep "[s]leep 4711"; :')).stdout;
      expect(await there()).toContain('sleep 4711');
      session.close();
      await waitFor('the command to go', async () => (await there()) === '');
    });

    it('ends with a command what it has started, and nothing else', async () => {
      const id = await run(stays);
      const there = async () =>
        (await say(id, 'ps -o args | grep "[s]leep 47[0-9][0-9]" | sort; :')).stdout
          .split('\n')
          .filter((line) => line !== '');
      const other = await world.runtime.exec(id, execOf({ args: ['/bin/sleep', '4700'] }));
      // A child, one of a child, one whose parent has ended, and one that is no more of its session.
      const script =
        'sleep 4701 & sh -c "sleep 4702; :" & (sleep 4703 &) ; setsid sleep 4704 & wait';
      const session = await world.runtime.exec(id, execOf(sh(script, {})));
      await waitFor('all of it to run', async () => (await there()).length >= 6);

      session.close();
      await waitFor('it to go', async () => (await there()).length <= 1);

      expect(await there()).toEqual(['/bin/sleep 4700']);
      other.close();
    });

    it('leaves alone what a command that has ended has left running', async () => {
      const id = await run(stays);
      const script = 'sleep 4720 >/dev/null 2>&1 </dev/null & echo left';
      const session = await world.runtime.exec(id, execOf(sh(script, {})));
      expect(await outcome(session)).toMatchObject({ stdout: 'left\n', exitCode: 0 });

      session.close();

      const { stdout } = await say(id, 'sleep 0.3; ps -o args | grep "[s]leep 4720"; :');
      expect(stdout).toBe('sleep 4720\n');
    });

    it('ends a container sooner than it was told to at first', { timeout: 60_000 }, async () => {
      const [stopped, removed] = [
        await run('trap "" TERM; while :; do sleep 0.1; done'),
        await run('trap "" TERM; while :; do sleep 0.1; done'),
      ];
      const over = new AbortController();
      const stops = [stopped, removed].map((id) => world.runtime.stop(id, 3_600, over.signal));
      const letGo = Promise.allSettled(stops);
      // By then the engine has heard of both.
      for (const id of [stopped, removed]) await world.runtime.inspect(id);
      over.abort();
      expect((await letGo).map(({ status }) => status)).toEqual(['rejected', 'rejected']);

      await world.runtime.stop(stopped, 1);
      await world.runtime.remove(removed);

      expect(await world.runtime.inspect(stopped)).toMatchObject({ state: 'exited' });
      await expect(world.runtime.inspect(removed)).rejects.toMatchObject({
        code: 'RUNTIME_NOT_FOUND',
      });
    });

    it('tells a command that ends with 127 from one that is not there', async () => {
      const id = await run(stays);
      expect(await say(id, 'no-such-program')).toMatchObject({ exitCode: 127 });
      await expect(world.runtime.exec(id, execOf({ args: ['/etc/denied'] }))).rejects.toMatchObject(
        { code: 'CONTAINER_START_FAILED', details: { exitCode: 126 } },
      );
    });

    it('is followed over its own death', { timeout: 60_000 }, async () => {
      const id = await run('n=0; while [ $n -lt 80 ]; do n=$((n+1)); echo $n; sleep 0.1; done');
      const numbers: number[] = [];
      let isKilled = false;
      for await (const lines of world.runtime.logs(
        id,
        { follow: true },
        AbortSignal.timeout(50_000),
      )) {
        numbers.push(...lines.map(({ text }) => Number(text)));
        if (isKilled || numbers.length < 10) continue;
        isKilled = true;
        await world.lose();
        await world.find();
      }
      expect(isKilled).toBe(true);
      expect(numbers).toEqual(Array.from({ length: 80 }, (_, n) => n + 1));
    });
  });
}
