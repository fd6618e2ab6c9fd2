import type { JoinTokens } from '../../core/services/node/node.ports.js';

import { encodeJoinToken } from '../../contract/agent/join-token.js';
import { hashSecret, mintSecret } from './secrets.js';

export const joinTokens: JoinTokens = {
  mint: () => mintSecret('synjoin_'),
  hash: hashSecret,
  encode: encodeJoinToken,
};
