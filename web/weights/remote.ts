// A file from the cache or, with the cache filled on the way, from the network.
import type { ByteSource, Outcome } from '../engine/engine.js';
import { VitreousError } from '../errors.js';
import type { Access } from '../settings.js';
import { checksum, type Hash } from './hash.js';
import { sniffed } from './sniff.js';
import { type Manifest, type Store, trim, type Writer, warnNoCache } from './store.js';
import { type FileAddress, FileChanged, type Part, Transfer } from './transfer.js';

/** What the place we run in has for files from the network. */
export interface Network {
  /** undefined: nothing is kept. */
  store: Store | undefined;
  sha256: () => Hash;
  key: (url: string) => string;
}

/** A file that is read more than once at most when the engine asks for a new start. */
export class RemoteFile implements ByteSource {
  size: number | undefined;
  cached = false;
  readonly #file: FileAddress;
  readonly #access: Access;
  readonly #signal: AbortSignal | undefined;
  readonly #network: Network;
  readonly #json: boolean;
  readonly #anew: boolean;
  readonly #key: string;
  #store: Store | undefined;
  #release: (() => void) | undefined;
  #transfer: Transfer | undefined;
  #writer: Writer | undefined;
  #manifest: Manifest | undefined;
  /** Bytes that an earlier load left. */
  #from = 0;
  /** All bytes are here and have the digest that the hub has recorded. */
  #verified = false;
  /** What failed may have been left by an earlier load. */
  #stale = false;

  /**
   * @param json - whether the file is a JSON text and not a checkpoint
   * @param anew - whether a whole file in the cache is replaced, not used
   */
  constructor(
    file: FileAddress,
    network: Network,
    {
      access,
      signal,
      json = false,
      anew = false,
    }: { access: Access; signal?: AbortSignal | undefined; json?: boolean; anew?: boolean },
  ) {
    this.#file = file;
    this.#access = access;
    this.#signal = signal;
    this.#network = network;
    this.#json = json;
    this.#anew = anew;
    this.#key = network.key(file.url);
    this.size = file.size;
  }

  expect(size: number): void {
    this.#transfer?.expect(size);
    this.size = this.#file.size ?? size;
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    const own = this.#access.cache === 'own' && /^https?:/.test(this.#file.url);
    this.#store = own ? this.#network.store : undefined;
    this.#stale = this.#verified = this.cached = false;
    this.#from = 0;
    this.#manifest = await this.#enter();
    if (this.#manifest?.complete) {
      this.cached = true;
      this.size = this.#manifest.size;
      yield* this.#kept(this.#store as Store);
    } else {
      yield* this.#download(this.#manifest);
    }
  }

  /**
   * What became of the bytes: whole files that the engine took stay, refused ones go, parts of stopped ones wait for the
   * next load.
   * @returns whether a new start may help
   */
  async settle(outcome: Outcome): Promise<boolean> {
    this.#transfer?.close();
    try {
      await this.#closeWriter();
      if (outcome === 'accepted') await this.#keep();
      else if (outcome === 'refused') await this.#doubt();
      return this.#stale;
    } catch (error) {
      warnNoCache(error);
      return this.#stale;
    } finally {
      this.#release?.();
      this.#release = this.#transfer = this.#store = undefined;
    }
  }

  /** Takes the lock that fits: shared for a whole file, exclusive for a download. Returns what is known of the file. */
  async #enter(): Promise<Manifest | undefined> {
    const store = this.#store;
    if (store === undefined) return undefined;
    const options = { wait: true, signal: this.#signal };
    try {
      if (this.#anew) {
        this.#release = await store.lock(this.#key, 'exclusive', options);
        const left = await store.manifest(this.#key);
        return left?.complete ? undefined : left;
      }
      let manifest = await store.manifest(this.#key);
      this.#release = await store.lock(this.#key, manifest?.complete ? 'shared' : 'exclusive', options);
      // Meanwhile another tab may have brought it, or deleted it.
      const whole = manifest?.complete;
      manifest = await store.manifest(this.#key);
      if (!whole || manifest?.complete) return manifest;
      this.#release?.();
      this.#release = await store.lock(this.#key, 'exclusive', options);
      return await store.manifest(this.#key);
    } catch (error) {
      if (error instanceof VitreousError) throw error;
      this.#giveUpCache(error);
      return undefined;
    }
  }

  async *#kept(store: Store): AsyncGenerator<Uint8Array> {
    try {
      yield* store.read(this.#key);
    } catch (error) {
      this.#stale = true; // the disk has lost it
      await this.#drop();
      throw error;
    }
  }

  async *#download(left: Manifest | undefined): AsyncGenerator<Uint8Array> {
    const { url, sha256 } = this.#file;
    const { headers, origin, settings } = this.#access;
    const transfer = new Transfer(this.#file, {
      // The checksum where there is no digest to hold it to, and none to keep.
      hash: sha256 || this.#store ? this.#network.sha256 : checksum,
      headers: origin === new URL(url).origin ? headers : undefined,
      settings,
      // Our cache keeps it: the browser need not keep it twice.
      cache: this.#store || this.#access.cache === 'none' ? 'no-store' : 'default',
      signal: this.#signal,
    });
    this.#transfer = transfer;
    const from = await transfer.begin(await this.#part(left));
    this.size = transfer.size;
    this.#from = from;
    try {
      if (from > 0) {
        for await (const piece of (this.#store as Store).read(this.#key)) {
          transfer.hash.update(piece);
          yield piece;
        }
      }
      const pieces = arriving(transfer);
      for await (const piece of from > 0 ? pieces : sniffed(pieces, url, { json: this.#json })) {
        await this.#write(piece);
        yield piece;
      }
      const digest = transfer.hash.hex();
      this.#verified = sha256 === digest;
      if (sha256 !== undefined && !this.#verified) {
        throw new VitreousError(
          'DIGEST_MISMATCH',
          `${url} has the SHA-256 ${digest}, but the hub has recorded ${sha256}: it was damaged on its way or changed there. Nothing of it is kept; try again.`,
        );
      }
      this.size = transfer.at;
      if (this.#manifest) Object.assign(this.#manifest, { size: transfer.at, sha256: digest });
    } catch (error) {
      if (!isInterrupted(error)) {
        this.#stale = from > 0 || error instanceof FileChanged;
        await this.#drop();
      }
      throw error;
    }
  }

  /** The part that an earlier load left, if it may be of the same file. */
  async #part(left: Manifest | undefined): Promise<Part | undefined> {
    if (left === undefined || this.#store === undefined) return undefined;
    const { etag, lastModified, sha256, size } = left;
    const recorded = this.#file.sha256;
    if (recorded !== undefined && sha256 !== undefined && sha256 !== recorded) return undefined;
    if (recorded === undefined && etag === undefined && lastModified === undefined) return undefined;
    try {
      const bytes = await this.#store.size(this.#key);
      const known = this.#file.size ?? size;
      if (known !== undefined && bytes > known) return undefined;
      return bytes > 0 ? { bytes, size: known, etag, lastModified } : undefined;
    } catch (error) {
      this.#giveUpCache(error);
      return undefined;
    }
  }

  /** Writes to the cache, as long as that works. The load goes on without. */
  async #write(piece: Uint8Array): Promise<void> {
    const store = this.#store;
    if (store === undefined) return;
    try {
      this.#writer ??= await this.#openWriter(store);
      await this.#writer.write(piece);
    } catch (error) {
      await this.#drop();
      this.#giveUpCache(error);
    }
  }

  async #openWriter(store: Store): Promise<Writer> {
    const { etag, lastModified, size, resumable } = this.#transfer as Transfer;
    const { cacheBudget } = this.#access.settings;
    const from = this.#from;
    if (from === 0) await store.delete(this.#key);
    if (size !== undefined && !(await trim(store, cacheBudget - (size - from)))) {
      throw new Error(`${size} bytes do not fit into the cache’s budget of ${cacheBudget}`);
    }
    this.#manifest = {
      url: this.#file.url,
      size,
      sha256: this.#file.sha256,
      etag: resumable ? etag : undefined,
      lastModified: resumable ? lastModified : undefined,
      complete: false,
      lastUsed: Date.now(),
    };
    await store.setManifest(this.#key, this.#manifest);
    return store.write(this.#key, from === 0);
  }

  async #keep(): Promise<void> {
    const { cacheBudget } = this.#access.settings;
    if (this.#store === undefined || this.#manifest === undefined) return;
    if ((this.size ?? 0) > cacheBudget) return this.#drop();
    Object.assign(this.#manifest, { complete: true, lastUsed: Date.now() });
    await this.#store.setManifest(this.#key, this.#manifest);
    if (!this.cached) await trim(this.#store, cacheBudget);
  }

  /** The engine refuses the bytes: are they what they should be? */
  async #doubt(): Promise<void> {
    if (this.#verified || this.#store === undefined) return;
    if (this.cached) {
      const hash = this.#network.sha256();
      for await (const piece of this.#store.read(this.#key)) hash.update(piece);
      if (hash.hex() === this.#manifest?.sha256) return;
    }
    this.#stale = this.cached || this.#from > 0; // the disk has changed it, or the server meanwhile
    await this.#drop();
  }

  async #drop(): Promise<void> {
    await this.#closeWriter().catch(() => {});
    await this.#store?.delete(this.#key).catch(warnNoCache);
    this.#manifest = undefined;
  }

  async #closeWriter(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close();
  }

  #giveUpCache(error: unknown): void {
    warnNoCache(error);
    this.#store = undefined;
  }
}

async function* arriving(transfer: Transfer) {
  for (;;) {
    const piece = await transfer.read();
    if (piece === undefined) return;
    yield piece;
    free(piece);
  }
}

/** Gives a piece's memory back now: hundreds of megabytes of garbage would otherwise wait for the collector. */
function free({ buffer }: Uint8Array): void {
  if ('transfer' in buffer) (buffer as ArrayBuffer & { transfer(size: number): ArrayBuffer }).transfer(0);
}

/** Only the way was bad, a token ran out, or the train's network wants a log-in: what is here stays good. */
const isInterrupted = (error: unknown) =>
  error instanceof VitreousError &&
  !(error instanceof FileChanged) &&
  ['ABORTED', 'NETWORK', 'HTTP_STATUS', 'UNAUTHORIZED', 'HTML_PAGE', 'DISPOSED'].includes(error.code);
