import { describe, expect, it } from 'vitest';

import { runShell } from '../../support/cli.js';
import { CONTAINER_ID, containerNamed } from '../../support/scripted-container.js';
import { type Answers, scriptedDaemon } from '../../support/scripted-daemon.js';

// Goal: what is set is what was handed over, to the byte, and never an argument.
describe('container secret set', () => {
  const answers: Answers = {
    'secrets.set': ({ params }) => ({
      id: CONTAINER_ID,
      name: params['name'] ?? '',
      owner: containerNamed('x').owner,
      usedBy: [],
      createdAt: '2026-01-02T03:04:05.000Z',
      updatedAt: '2026-01-02T03:04:05.000Z',
      version: 1,
    }),
  };

  it.each([
    ['printf "pw\\n" | syntropy container secret set db', 'pw'],
    ['printf "pw\\n" | syntropy container secret set db --raw', 'pw\n'],
    ['printf "pw\\n" > f; syntropy container secret set db --from-file f', 'pw\n'],
    ['printf "\\377\\0x" | syntropy container secret set db', '\u00FF\0x'],
  ])('by %s', async (script, value) => {
    await using daemon = await scriptedDaemon(answers);

    const { stderr, status } = await runShell(script, { ...daemon, cwd: daemon.stateDir });

    expect([stderr, status]).toEqual(['', 0]);
    expect(daemon.calls[0]?.body).toEqual({
      base64: Buffer.from(value, 'latin1').toString('base64'),
    });
  });

  it('says what gives another value to those that use it', async () => {
    await using daemon = await scriptedDaemon({
      'secrets.set': (call, response) => {
        const set = answers['secrets.set']?.(call, response);
        if (set === undefined || set instanceof Promise) return set;
        return { ...set, usedBy: [{ id: CONTAINER_ID, name: 'web' }] };
      },
    });

    const { stderr } = await runShell('echo pw | syntropy container secret set db', daemon);

    expect(stderr).toBe('Used by web: `container restart` gives them the new value.\n');
  });

  it.each(['printf ""', 'printf "\\n"', 'head -c 65537 /dev/zero'])(
    'refuses %s',
    async (script) => {
      await using daemon = await scriptedDaemon(answers);

      const { status } = await runShell(`${script} | syntropy container secret set db`, daemon);

      expect([status, daemon.calls]).toEqual([2, []]);
    },
  );
});
