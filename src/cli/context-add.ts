import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { Context, Trust } from '../client/node/contexts.js';

import { authorityOf, shownIdentity, trustFor } from '../client/node/server-identity.js';
import { bareFingerprint } from '../client/node/trust.js';
import { AppError } from '../core/types/errors/app-error.js';
import { confirm } from './confirm.js';
import { formatFingerprint } from './format.js';
import { quoted } from '../core/utils/quoted.js';

export interface NewContext {
  readonly name: string;
  readonly url: string;
  readonly fingerprint?: string | undefined;
  readonly caFile?: string | undefined;
  readonly acceptRisks: readonly string[];
  readonly yes: boolean;
  readonly json: boolean;
  /** A line for the person. */
  readonly note: (line: string) => void;
}

/**
 * Finds out what to trust at an address, asks where only a person can know, and makes sure that a daemon answers there under that trust.
 * @throws {AppError} USAGE_INVALID, SERVER_UNTRUSTED, DAEMON_UNREACHABLE, CONFIRMATION_REQUIRED, OPERATION_CANCELLED, FILE_NOT_FOUND.
 */
export async function trustedContext(request: NewContext): Promise<Context> {
  const url = addressOf(request.url);
  const trust = url.protocol === 'http:' ? plain(url, request) : await proven(url, request);
  const context = { url: url.href.replace(/\/$/, ''), trust };
  await requireDaemon(request.name, context);
  return context;
}

/** The address as it is kept. @throws {AppError} USAGE_INVALID. */
export function addressOf(text: string): URL {
  const url = URL.parse(text);
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.search || url.hash) {
    throw new AppError(
      'USAGE_INVALID',
      `--url ${quoted(text)} is no address like https://grid.example.org:8080.`,
      { flag: '--url' },
    );
  }
  if (url.username === '' && url.password === '') return url;
  throw new AppError('USAGE_INVALID', '--url must hold no name and no password; use login.', {
    flag: '--url',
  });
}

/** Nothing is hidden from anybody on the way, and nobody knows who answers. */
function plain(url: URL, { acceptRisks, fingerprint, caFile }: NewContext): Trust {
  if (fingerprint !== undefined || caFile !== undefined) {
    throw new AppError('USAGE_INVALID', 'There is nothing to verify over http; use https.');
  }
  const isThisMachine = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (isThisMachine || acceptRisks.includes('plaintext')) return { kind: 'none' };
  throw new AppError(
    'CONFIRMATION_REQUIRED',
    `Over http everybody on the way reads passwords and tokens: use https, or accept it with --accept-risk plaintext.`,
    { flag: '--accept-risk' },
  );
}

async function proven(url: URL, request: NewContext): Promise<Trust> {
  const { fingerprint, caFile, name, note } = request;
  if (fingerprint !== undefined && bareFingerprint(fingerprint) === undefined) {
    throw new AppError('USAGE_INVALID', '--fingerprint is no SHA-256: 64 hexadecimal digits.', {
      flag: '--fingerprint',
    });
  }
  const identity = await shownIdentity(url, name);
  if (caFile !== undefined) return authorityOf(await authorityIn(caFile), identity.chain[0], url);
  const trust = trustFor(identity, url, fingerprint);
  if (trust.kind === 'system' || trust.kind === 'none' || fingerprint !== undefined) return trust;
  const what = trust.kind === 'ca' ? 'the authority of its grid' : 'its own certificate';
  note(`${url.origin} is not known to the public authorities. What it shows is ${what}:`);
  note(`SHA-256 ${trust.fingerprint}`);
  note('`syntropy daemon status` on that host shows what it should be.');
  if (!request.yes && (request.json || !process.stdin.isTTY)) {
    throw new AppError(
      'CONFIRMATION_REQUIRED',
      'Somebody must have compared the fingerprint: give it as --fingerprint, or accept this one with --yes.',
      { flag: '--fingerprint', fingerprint: trust.fingerprint },
    );
  }
  await confirm({ message: 'Is that the right one?', yes: request.yes, json: request.json });
  return trust;
}

async function authorityIn(file: string) {
  const certificate = await readFile(file, 'utf8').catch(() => {
    throw new AppError('FILE_NOT_FOUND', `${file} cannot be read.`, { file });
  });
  const [, base64] =
    /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(certificate) ??
    [];
  if (base64 === undefined) {
    throw new AppError('USAGE_INVALID', `${file} holds no certificate in PEM.`, { file });
  }
  const digest = createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex');
  return { certificate, fingerprint: formatFingerprint(digest) };
}

/** A question that everybody may ask, under the trust that was chosen: the certificate is verified here for the first time. */
async function requireDaemon(name: string, context: Context): Promise<void> {
  const { connectAnonymously } = await import('../client/node/connect.js');
  try {
    await connectAnonymously({ context: name, target: context }).call('keys.list', {});
  } catch (error) {
    const isStranger =
      error instanceof AppError && (error.code === 'INTERNAL' || error.code === 'ROUTE_NOT_FOUND');
    throw isStranger
      ? new AppError(
          'USAGE_INVALID',
          `${context.url} answers, but not as a Syntropy daemon does: ${error.message}`,
          { flag: '--url' },
        )
      : error;
  }
}
