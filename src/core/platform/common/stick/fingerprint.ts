import { createCipheriv, randomBytes } from 'node:crypto';

const IV_BYTES = 12;

/** Fingerprints pieces of one write, to be compared when they are read back. */
export interface Fingerprinter {
  /** 128 bits over these bytes at this place; other bytes, or another place, give others (but for a chance of 2^-100). */
  of(bytes: Buffer, at: number): Buffer;
}

/**
 * GMAC (NIST SP 800-38D) under a key that is random for each write: the quickest digest that Node has here, at about 18 GB/s
 * where SHA-256 does 1.7 and CRC-32 3.5, and a universal hash, so that no image is made of collisions.
 */
export function createFingerprinter(): Fingerprinter {
  const key = randomBytes(16);
  return {
    of(bytes, at) {
      const iv = Buffer.alloc(IV_BYTES);
      iv.writeBigUInt64BE(BigInt(at));
      const mac = createCipheriv('aes-128-gcm', key, iv).setAAD(bytes);
      mac.final();
      return mac.getAuthTag();
    },
  };
}
