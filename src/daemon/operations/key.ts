import type { TokenKeys } from '../auth/token-keys.js';
import type { Handlers } from '../dispatch.js';

/** The keys that sign access tokens, for whoever verifies them too. */
export function keyHandlers(
  keys: TokenKeys,
  now: () => Date,
): Pick<Handlers, 'keys.list' | 'keys.rotate'> {
  const list = async () => ({ keys: await keys.publicKeys() });
  return {
    'keys.list': list,
    'keys.rotate': async () => {
      await keys.rotate(now());
      return list();
    },
  };
}
