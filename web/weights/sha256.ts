import { sha256 as noble } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** A SHA-256 that is fed piece by piece, which the browser's own cannot. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Of what was fed so far; more may follow. */
  hex(): string;
}

export function sha256(): Sha256 {
  const hash = noble.create();
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => bytesToHex(hash.clone().digest()),
  };
}

export const sha256Hex = (text: string) => bytesToHex(noble(new TextEncoder().encode(text)));
