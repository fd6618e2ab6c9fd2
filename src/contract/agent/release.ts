/**
 * What a daemon says of a release of the agent: a text that a shell can read line by line, signed with the key of the grid's authority.
 *
 *     syntropy agent release 1
 *     version 0.1.0
 *     platform linux-x64
 *     file <sha256> <bytes> agent.mjs
 *     …
 *     signature <base64 of ECDSA P-256 with SHA-256, in DER, over every line before this one>
 */
export interface Release {
  readonly version: string;
  /** As `process.platform` and `process.arch`. */
  readonly platform: string;
  readonly files: readonly ReleaseFile[];
}

export interface ReleaseFile {
  readonly name: ReleaseFileName;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** `GET <this>/<version>/<platform>` answers with the manifest. `latest` is the version of the daemon. */
export const RELEASES_PATH = '/v1/agent/releases';
/** `GET <this>/<sha256>` answers with the file, gzipped. */
export const RELEASE_FILES_PATH = '/v1/agent/files';

/** All that a release consists of, and whether each is a program. */
export const releaseFiles = {
  'agent.mjs': { isProgram: false },
  'launch.sh': { isProgram: true },
  node: { isProgram: true },
  'syntropy-agent.service': { isProgram: false },
} as const;
export type ReleaseFileName = keyof typeof releaseFiles;
/** In the order in which a manifest names them. */
export const releaseFileNames: readonly ReleaseFileName[] = [
  'agent.mjs',
  'launch.sh',
  'syntropy-agent.service',
  'node',
];

export const RELEASE_VERSION = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/;
export const RELEASE_PLATFORM = /^[a-z0-9]{1,16}-[a-z0-9]{1,16}$/;
export const MAX_RELEASE_FILE_BYTES = 512 << 20;
export const MAX_MANIFEST_BYTES = 4_096;

const FIRST_LINE = 'syntropy agent release 1';
const FILE = /^file ([0-9a-f]{64}) ([0-9]{1,10}) ([a-z.-]{1,64})$/;
const SIGNATURE = /^signature ([A-Za-z0-9+/]{64,128}={0,2})$/;

/** What is signed. */
export function releaseText({ version, platform, files }: Release): string {
  const lines = files.map(({ name, sha256, sizeBytes }) => `file ${sha256} ${sizeBytes} ${name}`);
  return [FIRST_LINE, `version ${version}`, `platform ${platform}`, ...lines, ''].join('\n');
}

export interface SignedRelease extends Release {
  readonly signedText: string;
  /** base64. */
  readonly signature: string;
}

/** Undefined for what is no manifest, or one of another kind. Whether it is believed is for who verifies the signature. */
export function parseRelease(text: string): SignedRelease | undefined {
  if (text.length > MAX_MANIFEST_BYTES) return undefined;
  const [first, versionLine = '', platformLine = '', ...rest] = text.split('\n');
  const version = /^version (.+)$/.exec(versionLine)?.[1] ?? '';
  const platform = /^platform (.+)$/.exec(platformLine)?.[1] ?? '';
  // A file line each, the signature, and nothing after its line end.
  const [end, signatureLine = '', ...fileLines] = rest.toReversed();
  const signature = SIGNATURE.exec(signatureLine)?.[1];
  const files = fileLines.toReversed().map(parseFile);
  const isWhole =
    first === FIRST_LINE &&
    RELEASE_VERSION.test(version) &&
    RELEASE_PLATFORM.test(platform) &&
    end === '' &&
    signature !== undefined &&
    hasEachFileOnce(files);
  if (!isWhole) return undefined;
  const release = { version, platform, files };
  return { ...release, signedText: releaseText(release), signature };
}

function parseFile(line: string): ReleaseFile | undefined {
  const [, sha256, size, name = ''] = FILE.exec(line) ?? [];
  const sizeBytes = Number(size);
  if (sha256 === undefined || !isReleaseFileName(name) || sizeBytes > MAX_RELEASE_FILE_BYTES) {
    return undefined;
  }
  return { name, sha256, sizeBytes };
}

export function isReleaseFileName(name: string): name is ReleaseFileName {
  return Object.hasOwn(releaseFiles, name);
}

function hasEachFileOnce(
  files: readonly (ReleaseFile | undefined)[],
): files is readonly ReleaseFile[] {
  const given = new Set(files.map((file) => file?.name));
  return (
    files.length === releaseFileNames.length && releaseFileNames.every((name) => given.has(name))
  );
}
