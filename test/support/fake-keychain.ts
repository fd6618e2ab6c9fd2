/** How a keychain can fail: not there, refusing to write, losing what was written, or giving back something else. */
export type KeychainFault = 'absent' | 'locked' | 'forgetful' | 'garbling';

/** A keychain in memory, and each way in which a real one was seen to fail. */
export function fakeKeychain(fault?: KeychainFault) {
  const entries = new Map<string, string>();
  const keychain = {
    fault,
    entries,
    open: async (account: string) => {
      if (keychain.fault === 'absent') throw new TypeError('Platform failure: DBus error');
      return {
        async setSecret(secret: Uint8Array) {
          if (keychain.fault === 'locked') throw new TypeError('no result found');
          if (keychain.fault !== 'forgetful') entries.set(account, Buffer.from(secret).toString());
        },
        async getSecret() {
          const found = entries.get(account);
          const read = keychain.fault === 'garbling' ? found?.slice(1) : found;
          return read === undefined ? null : Buffer.from(read);
        },
        deleteCredential: async () => entries.delete(account),
      };
    },
  };
  return keychain;
}
