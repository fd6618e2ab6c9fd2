import { createPrivateKey, sign } from 'node:crypto';

import type { AgentReleases, AgentVersions } from '../../core/services/node/release.ports.js';

import { isReleaseFileName, releaseText } from '../../contract/agent/release.js';

interface Deps {
  readonly releases: AgentReleases;
  /** The grid's authority with its private half. */
  readonly authority: () => Promise<{ readonly privateDer: Buffer }>;
}

/** Releases as nodes get them: with a signature by the key of the grid's authority, which every node knows. */
export class SignedReleases implements AgentVersions {
  readonly #deps: Deps;
  /** What was signed last for a version and platform. */
  readonly #signed = new Map<string, { readonly text: string; readonly manifest: string }>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  resolve(asked: string): Promise<string> {
    return this.#deps.releases.resolve(asked);
  }

  /** @throws {AppError} AGENT_RELEASE_NOT_FOUND. */
  async manifest(asked: string, platform: string): Promise<string> {
    const { releases, authority } = this.#deps;
    const { version, files } = await releases.find(asked, platform);
    const named = files.flatMap(({ name, ...file }) =>
      isReleaseFileName(name) ? [{ name, ...file }] : [],
    );
    const text = releaseText({ version, platform, files: named });
    const key = `${version} ${platform}`;
    const known = this.#signed.get(key);
    if (known?.text === text) return known.manifest;
    const { privateDer } = await authority();
    const privateKey = createPrivateKey({ key: privateDer, format: 'der', type: 'pkcs8' });
    const signature = sign('sha256', Buffer.from(text), privateKey).toString('base64');
    const manifest = `${text}signature ${signature}\n`;
    this.#signed.set(key, { text, manifest });
    return manifest;
  }

  /** @throws {AppError} AGENT_RELEASE_NOT_FOUND, DISK_FULL. */
  packed(sha256: string): Promise<string> {
    return this.#deps.releases.packed(sha256);
  }
}
