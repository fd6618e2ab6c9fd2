import { AppError } from '../../core/types/errors/app-error.js';
import { errorCode } from '../../core/types/errors/error-code.js';

/** What node:tls says when a certificate is not the one that it should be, or not good (any more). */
const UNTRUSTED =
  /^(ERR_TLS_CERT_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERR_SSL_CERTIFICATE|ERROR_IN_CERT)/;

/** What a failure on the way to a remote daemon means. `where` names it for people. */
export function remoteFailure(error: unknown, url: string, context: string): AppError {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  const details = { url, context };
  if (UNTRUSTED.test(code)) {
    return new AppError(
      'SERVER_UNTRUSTED',
      `${url} does not prove that it is the server of context "${context}": ${reasonOf(code)}.`,
      { ...details, reason: code },
      { cause: error },
    );
  }
  return new AppError('DAEMON_UNREACHABLE', `${url} ${whatHappened(code)}.`, details, {
    cause: error,
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_PINNED: 'it shows another certificate than the pinned one',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; compare the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

function reasonOf(code: string): string {
  return REASONS[code] ?? 'its certificate is signed by nobody that is trusted for it';
}

const EVENTS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'has a name that is not known',
  EAI_AGAIN: 'has a name that cannot be looked up now',
  ECONNREFUSED: 'refuses the connection: no daemon listens there',
  EHOSTUNREACH: 'cannot be reached from here',
  ENETUNREACH: 'cannot be reached from here',
  ECONNRESET: 'broke the connection',
  EPIPE: 'broke the connection',
  UND_ERR_SOCKET: 'broke the connection',
  UND_ERR_BODY_TIMEOUT: 'has fallen silent',
  ERR_SSL_WRONG_VERSION_NUMBER: 'answers, but not with TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'answers, but not with TLS',
  HPE_INVALID_CONSTANT: 'does not speak HTTP',
};

function whatHappened(code: string): string {
  return EVENTS[code] ?? 'does not answer';
}

/** Of the innermost cause that has one; of several attempts (IPv6, then IPv4) the first. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const inner = codeOf(error.cause);
  return inner || (errorCode(error) ?? '');
}
