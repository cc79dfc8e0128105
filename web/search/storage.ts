// Where a log is kept: a file in Node, IndexedDB in a browser.

/** All methods but `read` and `changed` are the one writer's. All reject with VitreousErrors. */
export interface Storage {
  /** What to call it in messages. */
  readonly name: string;
  /** Whether all that was appended can be read again: not so where nothing is kept. */
  readonly lasting: boolean;
  /** There is no log yet. */
  readonly fresh: boolean;
  /** The log from byte `from` on, in pieces. A compaction by another tab or process does not disturb it. */
  read(from: number): AsyncIterable<Uint8Array>;
  /** Whether another log has taken the place of the one that was read. */
  replaced(): Promise<boolean>;
  /**
   * Adds to the end, all or nothing. Resolves when it is on the disk.
   * @throws `STORAGE_FULL`, and then the log is as before
   */
  append(parts: Uint8Array[]): Promise<void>;
  /** Puts another log in the place of this one, at once. */
  replace(pieces: AsyncIterable<Uint8Array>): Promise<void>;
  /** Drops what lies behind `size` bytes. */
  truncate(size: number): Promise<void>;
  /** Calls back when another tab has changed the log, where that is told. */
  watch?(changed: () => void): void;
  /** Lets go of the lock too. */
  close(): Promise<void>;
}
