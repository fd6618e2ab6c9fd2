import type { OpenEntry } from '../../src/client/node/keychain.js';

/** How a keychain can fail: not there, refusing to write, or losing what was written. */
export type KeychainFault = 'absent' | 'locked' | 'forgetful';

/** A keychain in memory, and each way in which a real one was seen to fail. */
export function fakeKeychain(fault?: KeychainFault) {
  const entries = new Map<string, string>();
  const keychain = {
    fault,
    entries,
    open: (async (account) => {
      if (keychain.fault === 'absent') throw new TypeError('Platform failure: DBus error');
      return {
        async setSecret(secret) {
          if (keychain.fault === 'locked') throw new TypeError('no result found');
          if (keychain.fault !== 'forgetful') entries.set(account, Buffer.from(secret).toString());
        },
        async getSecret() {
          const found = entries.get(account);
          return found === undefined ? null : Buffer.from(found);
        },
        deleteCredential: async () => entries.delete(account),
      };
    }) satisfies OpenEntry as OpenEntry,
  };
  return keychain;
}
