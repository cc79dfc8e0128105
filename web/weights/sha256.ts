import { _SHA256 } from '@noble/hashes/sha2.js'; // with none of what it takes to be called as a function
import type { Hash } from './hash.js';

/** SHA-256, fed piece by piece, which the browser's own cannot be. */
export function sha256(): Hash {
  const hash = new _SHA256();
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => Array.from(hash.clone().digest(), (byte) => byte.toString(16).padStart(2, '0')).join(''),
  };
}

export function sha256Hex(text: string): string {
  const hash = sha256();
  hash.update(new TextEncoder().encode(text));
  return hash.hex();
}
