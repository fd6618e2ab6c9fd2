import { errors, jwtVerify, SignJWT } from 'jose';
import { randomUUID } from 'node:crypto';

import type { TokenIssuer } from '../../core/services/cooperative/session.ports.js';
import type { TokenKeys } from './token-keys.js';

import { AppError } from '../../core/types/errors/app-error.js';

export const ACCESS_TOKEN_TTL_SECONDS = 15 * 60;
/** Clocks of replicas differ a little. */
const CLOCK_TOLERANCE_SECONDS = 5;
const AUDIENCE = 'syntropy-api';
/** RFC 9068 §2.1: a token for something else never passes for one of these. */
const TYPE = 'at+jwt';

/** What a verified access token says. Roles and permissions in it are for others; the daemon looks at the member. */
export interface AccessClaims {
  readonly memberId: string;
  readonly sessionId: string;
  readonly expiresAt: Date;
}

interface Options {
  readonly keys: TokenKeys;
  /** Names this grid: a token of another is none of ours. */
  readonly issuer: string;
  readonly now: () => Date;
}

/** Signs access tokens: JWT (RFC 7519) in the profile of RFC 9068, RS256. */
export function createTokenIssuer({ keys, issuer, now }: Options): TokenIssuer {
  return {
    async issue({ member, roles, permissions, sessionId }) {
      const { id, key } = await keys.signing();
      const issuedAt = Math.floor(now().getTime() / 1000);
      const expiresAt = issuedAt + ACCESS_TOKEN_TTL_SECONDS;
      const accessToken = await new SignJWT({ roles, permissions, sid: sessionId })
        .setProtectedHeader({ alg: 'RS256', kid: id, typ: TYPE })
        .setSubject(member.id)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .setIssuer(issuer)
        .setAudience(AUDIENCE)
        .setJti(randomUUID())
        .sign(key);
      return { accessToken, expiresAt: new Date(expiresAt * 1000) };
    },
  };
}

/**
 * Verifies one, with everything that jose leaves to be asked for: algorithm, type, issuer, audience, required claims.
 * @throws {AppError} TOKEN_INVALID, which never quotes the token.
 */
export function createTokenVerifier({ keys, issuer, now }: Options) {
  return async (token: string): Promise<AccessClaims> => {
    try {
      const { payload } = await jwtVerify(
        token,
        async ({ kid }) => {
          const key = kid === undefined ? undefined : await keys.verifying(kid);
          if (key) return key;
          throw new errors.JWKSNoMatchingKey();
        },
        {
          algorithms: ['RS256'],
          typ: TYPE,
          issuer,
          audience: AUDIENCE,
          requiredClaims: ['exp', 'iat', 'sub', 'jti', 'sid'],
          maxTokenAge: ACCESS_TOKEN_TTL_SECONDS,
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: now(),
        },
      );
      const { sub, sid, exp } = payload;
      if (typeof sub !== 'string' || typeof sid !== 'string' || exp === undefined) {
        throw new errors.JWTInvalid('a claim has the wrong type');
      }
      return { memberId: sub, sessionId: sid, expiresAt: new Date(exp * 1000) };
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      const isExpired = error instanceof errors.JWTExpired;
      throw new AppError(
        'TOKEN_INVALID',
        isExpired ? 'The access token has expired.' : 'The access token is not valid.',
        { reason: isExpired ? 'expired' : 'invalid' },
      );
    }
  };
}
