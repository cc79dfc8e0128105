import type { ByteSource } from '../engine/engine.js';
import { VitreousError } from '../errors.js';

const SNIFFED_BYTES = 64;

/**
 * The same bytes. By the first of them it recognises what a server or a checkout put in a file's place, before any is
 * given on. A safetensors file is never taken for it: its fifth to eighth byte are zero; neither zip nor pickle is text.
 * @param name - the file's, for messages
 * @param json - whether JSON is what should come
 * @throws `HTML_PAGE`, `JSON_BODY`, `LFS_POINTER`, `EMPTY_FILE`
 */
export async function* sniffed(bytes: AsyncIterable<Uint8Array>, name: string, { json = false } = {}) {
  let head: Uint8Array | undefined = new Uint8Array();
  try {
    for await (const piece of bytes) {
      if (head === undefined) {
        yield piece;
        continue;
      }
      // A stream may come in crumbs.
      const start: Uint8Array = head.length === 0 ? piece : joined(head, piece);
      head = start;
      if (start.length < SNIFFED_BYTES) {
        head = start.slice(); // the source may use its piece again
        continue;
      }
      refuseImpostor(start, name, json);
      head = undefined;
      yield start;
    }
  } catch (error) {
    // Too short for what it should be: what is it instead?
    if (head !== undefined && (error as VitreousError).code === 'CHECKPOINT_TRUNCATED') {
      refuseImpostor(head, name, json);
    }
    throw error;
  }
  if (head === undefined) return;
  refuseImpostor(head, name, json);
  yield head;
}

/** The caller's own bytes, sniffed. */
export const sniffedSource = ({ bytes, size }: ByteSource): ByteSource => ({
  bytes: () => sniffed(bytes(), 'The checkpoint'),
  size,
});

function refuseImpostor(bytes: Uint8Array, name: string, json: boolean): void {
  if (bytes.length === 0) {
    throw new VitreousError('EMPTY_FILE', `${name} is empty (0 bytes). Upload or download it again.`);
  }
  const head = String.fromCharCode(...bytes.subarray(0, SNIFFED_BYTES));
  if (head.startsWith('version https://git-lfs')) {
    throw new VitreousError(
      'LFS_POINTER',
      `${name} is a Git LFS pointer, not the file: run git lfs pull where it comes from, or take the address of the file itself.`,
    );
  }
  if (/^(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|title|\?xml|!--)/i.test(head)) throw htmlPage(name);
  if (!json && /^\s*[{[][\s\x20-\x7e]{5}/.test(head)) {
    throw new VitreousError(
      'JSON_BODY',
      `${name} is a JSON text and not a checkpoint; it begins with ${head.trim()}. Check the address.`,
    );
  }
}

export const htmlPage = (name: string) =>
  new VitreousError(
    'HTML_PAGE',
    `${name} is a web page (HTML), not the file: the file is missing there, or its server asks for a login. Check the address.`,
  );

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
