import { createHash, randomBytes } from 'node:crypto';

import type { JoinTokens } from '../../core/services/node/node.ports.js';

/** 256 random bits, so a plain SHA-256 is enough to store it by: there is nothing to guess at. */
const SECRET_BYTES = 32;
/** Makes a leaked token recognisable to people and to secret scanners. */
const PREFIX = 'synjoin_';

export const joinTokens: JoinTokens = {
  mint() {
    const secret = PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
    return { secret, hash: createHash('sha256').update(secret).digest() };
  },
};
