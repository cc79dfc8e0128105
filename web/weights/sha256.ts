import { _SHA256 } from '@noble/hashes/sha2.js'; // with none of what it takes to be called as a function

/** A SHA-256 that is fed piece by piece, which the browser's own cannot. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Of what was fed so far; more may follow. */
  hex(): string;
}

export function sha256(): Sha256 {
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
