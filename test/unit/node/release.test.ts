import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  parseRelease,
  type Release,
  releaseFileNames as names,
  releaseText,
} from '../../../src/contract/agent/release.js';

const SIGNATURE = `signature ${'A'.repeat(96)}\n`;

function aRelease(over: Partial<Release> = {}): Release {
  return {
    version: '0.2.0',
    platform: 'linux-x64',
    files: names.map((name) => ({ name, sha256: 'ab'.repeat(32), sizeBytes: 10 })),
    ...over,
  };
}

// Goal: a machine understands what its daemon says of a release, and nothing that is more, less or other than that.
describe('the manifest of a release', () => {
  it('says what was put into it', () => {
    const release = fc.record({
      version: fc.stringMatching(/^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/),
      platform: fc.stringMatching(/^[a-z0-9]{1,16}-[a-z0-9]{1,16}$/),
      files: fc.tuple(
        ...names.map((name) =>
          fc.record({
            name: fc.constant(name),
            sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
            sizeBytes: fc.integer({ min: 0, max: 512 << 20 }),
          }),
        ),
      ),
    });
    fc.assert(
      fc.property(release, (made) => {
        const read = parseRelease(releaseText(made) + SIGNATURE);

        expect(read).toMatchObject(made);
        expect(read?.signedText).toBe(releaseText(made));
      }),
    );
  });

  it.each([
    ['another kind', (text: string) => text.replace('release 1', 'release 2')],
    ['no signature', (text: string) => text.replace(/signature .*\n/, '')],
    ['something after the signature', (text: string) => `${text}file ${'0'.repeat(64)} 1 node\n`],
    ['a missing file', (text: string) => text.replace(/file .* node\n/, '')],
    ['a file twice', (text: string) => text.replace(/(file .* node\n)/, '$1$1')],
    ['a file of another name', (text: string) => text.replace(' launch.sh', ' evil.sh')],
    ['a path', (text: string) => text.replace(' node\n', ' ../node\n')],
    ['a file that is too large', (text: string) => text.replace(' 10 node', ' 536870913 node')],
    ['another end of line', (text: string) => text.replaceAll('\n', '\r\n')],
    ['a version with a slash', (text: string) => text.replace('0.2.0', '../0.2.0')],
    ['more than a manifest may hold', (text: string) => text + ' '.repeat(5_000)],
    ['nothing', () => ''],
  ])('with %s is none', (_, change) => {
    const whole = releaseText(aRelease()) + SIGNATURE;
    expect(parseRelease(whole)).toBeDefined();

    expect(parseRelease(change(whole))).toBeUndefined();
  });
});
